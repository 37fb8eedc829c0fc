// Resets and enables as a core needs them.
`ifndef FXLIF_PACE
`define FXLIF_PACE

// A reset of at least CYCLES, behind which the core is still in it for AFTER; ONCE: none but the first.
module FxlifReset #(parameter ONCE = 0, CYCLES = 1, AFTER = 0) (
    input  clk,
    input  rst,
    output shown,  // the core is in reset
    output held    // its reset is held
);
    reg [24:0] left = 0;
    reg        was = 0, past = 0;
    wire       asked = rst && !(ONCE && past);

    assign shown = asked || left != 0;
    assign held  = asked || left > AFTER;

    always @(posedge clk) begin
        was <= shown;
        if (was && !shown)
            past <= 1;
        if (asked)
            left <= CYCLES - 1 + AFTER;
        else if (left != 0)
            left <= left - 1;
    end
endmodule

// One enable in CYCLES at the most.
module FxlifSpacing #(parameter CYCLES = 1) (
    input  clk,
    input  rst,
    input  enable,
    output open
);
    reg [24:0] left = 0;
    assign open = left == 0;
    always @(posedge clk)
        if (rst)
            left <= 0;
        else if (enable && open)
            left <= CYCLES - 1;
        else if (!open)
            left <= left - 1;
endmodule

// A clock that ticks in the cycles in which it is OPEN, and in reset.
module FxlifClock (
    input  clk,
    input  rst,
    input  open,
    output gated
);
    reg goes = 0;
    always @(negedge clk)
        goes <= open || rst;
    assign gated = clk && goes;
endmodule
`endif
