// Leaky integrate-and-fire neurons, one after the other on one adder, written by hand in plain
// Verilog-2005. An event is an address, or a tick in the bit above it. A spike adds a row of weights
// to the sums of the neurons, one a clock; a tick lets every neuron take its step, in ascending
// order, and hand over its spike before the next one is looked at; then the tick itself.
module core #(
    parameter INPUTS    = 6,
    parameter IN_BITS   = 3,
    parameter NEURONS   = 5,
    parameter OUT_BITS  = 3,
    parameter WIDTH     = 10,
    parameter SUM_BITS  = 16,
    parameter THRESHOLD = 120,
    parameter SHIFT     = 3,
    parameter WEIGHTS   = "core_weights.mem"
) (
    input  wire                    clk,
    input  wire                    rst_n,
    input  wire                    in_valid,
    output wire                    in_ready,
    input  wire [IN_BITS:0]        in_data,
    output wire                    out_valid,
    input  wire                    out_ready,
    output wire [OUT_BITS:0]       out_data,
    output reg  [15:0]             dropped,
    output reg                     trace_valid,
    output reg  [OUT_BITS-1:0]     trace_index,
    output reg  signed [WIDTH-1:0] trace_v
);
    localparam [2:0] CLEAR = 0, IDLE = 1, ADD = 2, STEP = 3, SPIKE = 4, TICK = 5;
    localparam signed [SUM_BITS+1:0] HIGHEST = (1 << (WIDTH - 1)) - 1;
    localparam signed [SUM_BITS+1:0] LOWEST  = -(1 << (WIDTH - 1));

    reg signed [7:0]          weights [0:INPUTS*NEURONS-1];
    reg signed [SUM_BITS-1:0] sums    [0:NEURONS-1];
    reg signed [WIDTH-1:0]    v       [0:NEURONS-1];
    initial $readmemh(WEIGHTS, weights);

    reg [2:0]          state;
    reg [OUT_BITS-1:0] n;     // the neuron at hand
    reg [7:0]          row;   // where the weights of the event begin

    wire               last    = n == NEURONS - 1;
    wire [IN_BITS-1:0] address = in_data[IN_BITS-1:0];

    assign in_ready  = state == IDLE;
    assign out_valid = state == SPIKE || state == TICK;
    assign out_data  = state == TICK ? 1 << OUT_BITS : {1'b0, n};

    // The step of neuron n.
    wire signed [WIDTH-1:0]    now     = v[n];
    wire signed [SUM_BITS+1:0] decayed = now - (now >>> SHIFT);
    wire signed [SUM_BITS+1:0] exact   = decayed + sums[n];
    wire signed [SUM_BITS+1:0] u       = exact > HIGHEST ? HIGHEST
                                       : exact < LOWEST  ? LOWEST
                                       : exact;
    wire                       fire    = u >= THRESHOLD;
    wire signed [WIDTH-1:0]    after   = fire ? u - THRESHOLD : u;

    always @(posedge clk)
        if (!rst_n) begin
            state       <= CLEAR;
            n           <= 0;
            dropped     <= 0;
            trace_valid <= 0;
        end else begin
            trace_valid <= 0;
            case (state)
                CLEAR: begin
                    sums[n] <= 0;
                    v[n]    <= 0;
                    n       <= last ? 0 : n + 1;
                    state   <= last ? IDLE : CLEAR;
                end
                IDLE: if (in_valid) begin
                    row <= address * NEURONS;
                    n   <= 0;
                    if (in_data[IN_BITS])
                        state <= STEP;
                    else if (address < INPUTS)
                        state <= ADD;
                    else if (dropped != 16'hffff)
                        dropped <= dropped + 1;
                end
                ADD: begin
                    sums[n] <= sums[n] + weights[row + n];
                    n       <= n + 1;
                    state   <= last ? IDLE : ADD;
                end
                STEP: begin
                    v[n]        <= after;
                    sums[n]     <= 0;
                    trace_valid <= 1;
                    trace_index <= n;
                    trace_v     <= after;
                    n           <= fire ? n : n + 1;
                    state       <= fire ? SPIKE : last ? TICK : STEP;
                end
                SPIKE: if (out_ready) begin
                    n     <= n + 1;
                    state <= last ? TICK : STEP;
                end
                default: if (out_ready)
                    state <= IDLE;
            endcase
        end
endmodule
