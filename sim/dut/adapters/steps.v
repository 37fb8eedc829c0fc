// Steps of a core that knows no TICK.
`ifndef FXLIF_STEPS
`define FXLIF_STEPS

// When a step begins and when it is over. END is 0 with done, 1 after CYCLES, 2 at rest.
module FxlifStep #(parameter END = 0, CYCLES = 0, STROBE = 1) (
    input      clk,
    input      rst,
    input      tick,     // a TICK is taken from the stream
    input      given,    // without STROBE: the core has it
    input      ready,    // the core takes start
    input      done,
    input      idle,
    input      takes,    // an event goes in
    input      moves,    // one is on its way in or out
    output     start,
    output     running,  // from the TICK to the end of its step
    output     rests,    // it was quiet for CYCLES, and nothing went in since
    output     over
);
    localparam IDLE = 0, STARTING = 1, RUNNING = 2;
    reg [1:0]  state = IDLE;
    reg [24:0] count = 0;
    reg        rested = 0;  // a register: the core's idle may depend on what is offered
    wire begins = STROBE ? start && ready : given;
    wire quiet  = idle && !moves;

    assign start   = STROBE && state == STARTING;
    assign running = state != IDLE;
    wire   still   = quiet && count >= CYCLES - 1;
    assign rests   = rested;
    assign over    = END == 0 ? done
                   : END == 1 ? (CYCLES == 0 ? begins : state == RUNNING && count == CYCLES - 1)
                   : state == RUNNING && still;

    always @(posedge clk)
        if (rst) begin
            state  <= IDLE;
            count  <= 0;
            rested <= 0;
        end else begin
            rested <= !begins && !takes && (still || rested);
            if (over)
                state <= IDLE;
            else if (begins)
                state <= RUNNING;
            else if (tick)
                state <= STARTING;
            if (END == 2 ? begins || takes || !quiet : begins)
                count <= 0;
            else if (END == 2 ? !still : state == RUNNING)
                count <= count + 1;
        end
endmodule

// Collects the events of a step for a core that takes all inputs at once, BITS for each. What no
// address has is no event.
module FxlifCollect #(parameter N = 1, BITS = 1, WIDTH = 1) (
    input                     clk,
    input                     rst,
    input                     add,
    input      [WIDTH-1:0]    address,
    input                     clear,
    output reg [N*BITS-1:0]   vector
);
    initial vector = 0;
    always @(posedge clk)
        if (rst || clear)
            vector <= 0;
        else if (add && address < N)
            vector[address*BITS +: BITS] <= vector[address*BITS +: BITS] + 1'b1;
endmodule

// The answer to a step as events: each neuron as often as it spiked, in ascending order, then a
// TICK. The numbers come as a vector at the end of the step, or are counted spike by spike.
module FxlifAnswers #(parameter N = 1, BITS = 1, WIDTH = 1, COUNTED = 0) (
    input                   clk,
    input                   rst,
    input                   begun,    // a TICK was taken: its answer is due
    input                   over,
    input      [N*BITS-1:0] vector,
    input                   add,      // where it is COUNTED: a spike
    input      [WIDTH-1:0]  address,
    output                  valid,
    input                   ready,
    output     [WIDTH-1:0]  neuron,
    output                  tick,
    output                  giving,
    output                  waits,    // from the TICK until the answer is handed over
    output                  lost,     // a step or spike that came while the last answer was given
    output                  stray     // a spike of a neuron that there is not
);
    reg [N*BITS-1:0] counts = 0;
    reg [WIDTH:0]    at = 0;
    reg              gives = 0, due = 0;
    wire [BITS-1:0]  left = counts[BITS-1:0];

    assign giving = gives;
    assign waits  = gives || due;
    assign tick   = at == N;
    assign neuron = tick ? {WIDTH{1'b0}} : at[WIDTH-1:0];
    assign valid  = gives && (tick || left != 0);
    assign lost   = gives && (over || add) || (over ^ over) || (add ^ add);  // an x is told, too
    assign stray  = add && address >= N;

    always @(posedge clk)
        if (rst) begin
            counts <= 0;
            at     <= 0;
            gives  <= 0;
            due    <= 0;
        end else if (gives) begin
            if (valid && ready && tick) begin
                gives <= 0;
                at    <= 0;
            end else if (valid && ready)
                counts[BITS-1:0] <= left - 1'b1;
            else if (!valid) begin
                at     <= at + 1'b1;
                counts <= counts >> BITS;
            end
        end else begin
            gives <= over;
            due   <= !over && (begun || due);
            if (!COUNTED && over)
                counts <= vector;
            if (COUNTED && add && address < N)
                counts[address*BITS +: BITS] <= counts[address*BITS +: BITS] + 1'b1;
        end
endmodule

// The end of a step whose last spike may still be on offer: once that is taken.
module FxlifLast (
    input  clk,
    input  rst,
    input  over,
    input  spike,
    input  take,
    output ended,
    output waiting,
    output again     // the step was over once more
);
    reg waits = 0;
    assign waiting = waits;
    assign ended   = (over || waits) && !(spike && !take);
    assign again   = waits && over;
    always @(posedge clk)
        waits <= (over || waits) && spike && !take && !rst;
endmodule

// Takes an event of a core where the sink is ready, or when a step has waited for PATIENCE cycles:
// the sink may wait for an answer that this event is counted for.
module FxlifTaker #(parameter PATIENCE = 1, WIDTH = 1) (
    input              clk,
    input              rst,
    input              over,
    input              valid,
    input  [WIDTH-1:0] data,
    input              ready,
    output             take,
    output             withdrawn  // what was on offer fell, or changed, before it was taken
);
    reg             waits = 0;
    reg [15:0]      waited = 0;
    reg [WIDTH-1:0] held = 0;
    assign take      = ready || waited == PATIENCE;
    assign withdrawn = waits && (!valid || data != held);
    always @(posedge clk) begin
        waits <= valid && !take && !rst;
        held  <= data;
        if (rst || over)
            waited <= 0;
        else if (valid && !take)
            waited <= waited + 1;
    end
endmodule

// A TICK behind the spikes of a core that gives none.
module FxlifTickAfter (
    input  clk,
    input  rst,
    input  over,
    input  spike,
    input  ready,
    output valid,
    output tick,
    output giving,
    output lost,   // a step was over before the TICK of the last one was taken
    output late    // a spike that was not on offer yet when its step was over
);
    reg due = 0, waits = 0;
    assign valid  = spike || due;
    assign tick   = !spike && due;
    assign giving = due;
    assign lost   = due && over || (over ^ over);
    assign late   = due && spike && !waits;
    always @(posedge clk) begin
        waits <= spike && !ready && !rst;
        if (rst)
            due <= 0;
        else if (over)
            due <= 1;
        else if (tick && ready)
            due <= 0;
    end
endmodule

// What a vector shows where it is no answer: 0, or (HELD) the last one.
module FxlifBetween #(parameter WIDTH = 1, HELD = 0) (
    input              clk,
    input              rst,
    input              answers,
    input  [WIDTH-1:0] vector,
    output             wrong
);
    reg [WIDTH-1:0] last = 0;
    assign wrong = !answers && !rst && vector != last;
    always @(posedge clk)
        if (rst)
            last <= 0;
        else if (HELD && answers)
            last <= vector;
endmodule
`endif
