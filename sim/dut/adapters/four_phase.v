// Handshakes of four phases: request up, acknowledge up, request down, acknowledge down. How long
// each side waits before it goes down changes from event to event, now and then for longer than a
// core counts that does not look at it.

// From a stream of events to a core that acknowledges. An event is taken before the core is asked,
// so that no answer comes before its question. Data mean something while request is up alone.
`ifndef FXLIF_FOUR_PHASE
`define FXLIF_FOUR_PHASE
module FxlifFourPhaseIn #(parameter WIDTH = 1) (
    input                  clk,
    input                  rst,
    input                  valid,
    output                 ready,
    input      [WIDTH-1:0] payload,
    output                 request,
    input                  acknowledge,
    output     [WIDTH-1:0] data,
    output                 given,    // the core has acknowledged
    output                 unasked   // acknowledge moved while request did not ask for it
);
    reg             asks = 0, told = 0, was = 0, known = 0;
    reg [WIDTH-1:0] held = 0;
    reg [2:0]       late = 0;
    reg [5:0]       wait_for = 0;

    assign request = asks;
    assign data    = asks ? held : ~held;
    assign ready   = !asks && !acknowledge;
    assign given   = asks && acknowledge && !told;
    assign unasked = known && (acknowledge != was) && (acknowledge ? !asks : asks)
                   || (acknowledge ^ acknowledge);  // an x

    always @(posedge clk) begin
        was   <= acknowledge;
        known <= 1;
        if (rst) begin
            asks  <= 0;
            told  <= 0;
            known <= 0;
            late  <= 0;
        end else if (valid && ready) begin
            asks     <= 1;
            held     <= payload;
            late     <= late + 1;
            wait_for <= late == 7 ? 40 : late[1:0];
        end else if (asks && acknowledge) begin
            told <= wait_for != 0;
            if (wait_for == 0)
                asks <= 0;
            else
                wait_for <= wait_for - 1;
        end
    end
endmodule

// From a core that requests to a stream of events.
module FxlifFourPhaseOut #(parameter WIDTH = 1) (
    input              clk,
    input              rst,
    input              request,
    output             acknowledge,
    input  [WIDTH-1:0] data,
    output             valid,
    input              ready,
    output             early,  // the next request came before acknowledge was down
    output             moved   // the data moved while request was up
);
    reg             taken = 0, was = 0;
    reg [WIDTH-1:0] held = 0;
    reg [2:0]       late = 0;
    reg [5:0]       wait_for = 0;

    assign acknowledge = taken;
    assign valid       = request && !taken;
    assign early       = taken && request && !was && !rst;
    assign moved       = request && was && (data != held);

    always @(posedge clk) begin
        was  <= request;
        held <= data;
        if (rst) begin
            taken <= 0;
            was   <= 0;
            late  <= 0;
        end else if (valid && ready) begin
            taken    <= 1;
            late     <= late + 1;
            wait_for <= late == 7 ? 40 : late[1:0];
        end else if (taken && !request) begin
            if (wait_for == 0)
                taken <= 0;
            else
                wait_for <= wait_for - 1;
        end
    end
endmodule
`endif
