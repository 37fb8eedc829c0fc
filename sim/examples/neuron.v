// One leaky integrate-and-fire neuron in registers, written by hand in plain Verilog-2005.
// At each clock with enable high it takes a step; spike and v show the result one clock later and
// stay until the next step. Floor rounding of the leak, saturation, reset to a value, and REFRACTORY
// steps of rest in which v keeps its value.
module neuron #(
    parameter WIDTH      = 10,
    parameter THRESHOLD  = 100,
    parameter V_RESET    = -20,
    parameter SHIFT      = 3,
    parameter REFRACTORY = 3
) (
    input  wire                    clk,
    input  wire                    rst_n,
    input  wire                    enable,
    input  wire signed [WIDTH-1:0] current,
    output reg                     spike,
    output reg  signed [WIDTH-1:0] v,
    output reg         [7:0]       refractory
);
    localparam signed [WIDTH+1:0] HIGHEST = (1 << (WIDTH - 1)) - 1;
    localparam signed [WIDTH+1:0] LOWEST  = -(1 << (WIDTH - 1));

    // Two bits to spare: the sum of what is left of v and the current fits.
    wire signed [WIDTH+1:0] decayed = v - (v >>> SHIFT);
    wire signed [WIDTH+1:0] exact   = decayed + current;
    wire signed [WIDTH+1:0] u       = exact > HIGHEST ? HIGHEST
                                    : exact < LOWEST  ? LOWEST
                                    : exact;

    wire resting = refractory != 0;
    wire fire    = !resting && u >= THRESHOLD;

    always @(posedge clk or negedge rst_n)
        if (!rst_n) begin
            spike      <= 1'b0;
            v          <= V_RESET;
            refractory <= 0;
        end else if (enable) begin
            spike      <= fire;
            v          <= fire ? V_RESET : resting ? v : u;
            refractory <= fire ? REFRACTORY : resting ? refractory - 1 : 0;
        end
endmodule
