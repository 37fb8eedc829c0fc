// States of several neurons at once, handed over one by one: lane 0 is the first one of a group.
`ifndef FXLIF_TRACES
`define FXLIF_TRACES
module FxlifTrace #(parameter N = 1, LANES = 1, WIDTH = 1, INDEX = 1, DEPTH = 1) (
    input                    clk,
    input                    rst,
    input                    tick,   // begins a step, which has DEPTH groups
    input                    take,
    input  [INDEX-1:0]       group,
    input  [LANES*WIDTH-1:0] words,
    output                   valid,
    output [29:0]            index,
    output [WIDTH-1:0]       word,
    output                   giving, // from the TICK until all are handed over
    output                   lost    // more groups than a step has, before they were handed over
);
    reg [LANES*WIDTH-1:0] kept   [0:DEPTH-1];
    reg [INDEX-1:0]       groups [0:DEPTH-1];
    reg [LANES*WIDTH-1:0] shown = 0;
    reg [INDEX-1:0]       which = 0;
    reg [29:0]            first = 0, filled = 0, lane = 0, due = 0;
    reg                   shows = 0;

    assign index  = which * LANES + lane;
    assign word   = shown[WIDTH-1:0];
    assign valid  = shows && (index < N || lane == 0);  // a group that there is not is shown
    assign giving = shows || filled != 0 || due != 0;
    assign lost   = take && filled == DEPTH || (take ^ take);

    wire [29:0] last = first + filled;
    wire        next = filled != 0 && (!shows || lane == LANES - 1);

    always @(posedge clk)
        if (rst) begin
            first  <= 0;
            filled <= 0;
            lane   <= 0;
            shows  <= 0;
            due    <= 0;
        end else begin
            due <= (tick ? DEPTH : due) - (take && (tick || due != 0));
            if (take && !lost) begin
                kept[last >= DEPTH ? last - DEPTH : last]   <= words;
                groups[last >= DEPTH ? last - DEPTH : last] <= group;
            end
            filled <= filled + (take && !lost) - next;
            if (next) begin
                shown <= kept[first];
                which <= groups[first];
                first <= first == DEPTH - 1 ? 0 : first + 1;
                lane  <= 0;
                shows <= 1;
            end else if (shows) begin
                shown <= shown >> WIDTH;
                lane  <= lane + 1;
                shows <= lane != LANES - 1;
            end
        end
endmodule

// When to look at states that nothing says the time of: CYCLES after the TICK came out.
module FxlifSettle #(parameter CYCLES = 1) (
    input  clk,
    input  rst,
    input  tick_in,
    input  tick_out,
    output waits,  // from the TICK in to the look
    output take
);
    reg        due = 0, out = 0;
    reg [24:0] count = 0;
    assign waits = due;
    assign take  = due && out && count == CYCLES - 1;
    always @(posedge clk)
        if (rst) begin
            due   <= 0;
            out   <= 0;
            count <= 0;
        end else if (take) begin
            due   <= 0;
            out   <= 0;
            count <= 0;
        end else begin
            due   <= due || tick_in;
            out   <= out || (due || tick_in) && tick_out;
            if (out)
                count <= count + 1;
        end
endmodule
`endif
