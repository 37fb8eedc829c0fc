// Twelve neurons, two at a time, with queues at both ends: 16 events wait at the input, 8 answers at
// the output. Written by hand in plain Verilog-2005, as somebody would who never saw fxlif.
module fifo (
    input  wire       clk,
    input  wire       rst,
    input  wire       in_valid,
    output wire       in_ready,
    input  wire [4:0] in_data,
    output wire       out_valid,
    input  wire       out_ready,
    output wire [4:0] out_data
);
    localparam [1:0] CLEAR = 0, IDLE = 1, ADD = 2, STEP = 3;

    reg [15:0]        weights [0:47];
    reg signed [13:0] sums_0  [0:5];
    reg signed [13:0] sums_1  [0:5];
    reg signed [9:0]  v_0     [0:5];
    reg signed [9:0]  v_1     [0:5];
    reg [1:0]         rest_0  [0:5];
    reg [1:0]         rest_1  [0:5];
    initial $readmemh("fifo_weights.mem", weights);

    // The queue of events.
    reg [4:0]  events [0:15];
    reg [4:0]  event_head, event_tail;
    wire [4:0] waiting  = event_tail - event_head;
    assign     in_ready = waiting != 16;
    wire [4:0] event_now = events[event_head[3:0]];

    // The queue of answers: a word of two neurons may need two places, and its tick a third.
    reg [4:0]  answers [0:7];
    reg [3:0]  head, tail;
    wire [3:0] stored    = tail - head;
    assign     out_valid = stored != 0;
    assign     out_data  = answers[head[2:0]];
    wire       room      = stored <= 5;

    reg [1:0]  state;
    reg [2:0]  word;
    reg [5:0]  row;
    wire       last = word == 5;

    // The step of the two neurons of a word.
    wire signed [9:0]  now_0 = v_0[word];
    wire signed [9:0]  now_1 = v_1[word];
    wire signed [14:0] exact_0 = now_0 - (now_0 >>> 3) + sums_0[word];
    wire signed [14:0] exact_1 = now_1 - (now_1 >>> 3) + sums_1[word];
    wire signed [9:0]  u_0 = exact_0 > 511 ? 511 : exact_0 < -512 ? -512 : exact_0;
    wire signed [9:0]  u_1 = exact_1 > 511 ? 511 : exact_1 < -512 ? -512 : exact_1;
    wire               fire_0 = rest_0[word] == 0 && u_0 >= 150;
    wire               fire_1 = rest_1[word] == 0 && u_1 >= 150;
    wire signed [7:0]  weight_0 = weights[row + word][7:0];
    wire signed [7:0]  weight_1 = weights[row + word][15:8];

    always @(posedge clk) begin
        if (in_valid && in_ready) begin
            events[event_tail[3:0]] <= in_data;
            event_tail <= event_tail + 1;
        end
        if (out_valid && out_ready)
            head <= head + 1;
        case (state)
            CLEAR: begin
                sums_0[word] <= 0;
                sums_1[word] <= 0;
                v_0[word]    <= -5;
                v_1[word]    <= -5;
                rest_0[word] <= 0;
                rest_1[word] <= 0;
                word         <= last ? 0 : word + 1;
                state        <= last ? IDLE : CLEAR;
            end
            IDLE: if (waiting != 0) begin
                event_head <= event_head + 1;
                row        <= event_now[2:0] * 6;
                word       <= 0;
                state      <= event_now[4] ? STEP : event_now < 8 ? ADD : IDLE;
            end
            ADD: begin
                sums_0[word] <= sums_0[word] + weight_0;
                sums_1[word] <= sums_1[word] + weight_1;
                word         <= word + 1;
                state        <= last ? IDLE : ADD;
            end
            STEP: if (room) begin
                sums_0[word] <= 0;
                sums_1[word] <= 0;
                v_0[word]    <= fire_0 ? -5 : rest_0[word] != 0 ? now_0 : u_0;
                v_1[word]    <= fire_1 ? -5 : rest_1[word] != 0 ? now_1 : u_1;
                rest_0[word] <= fire_0 ? 2 : rest_0[word] != 0 ? rest_0[word] - 1 : 0;
                rest_1[word] <= fire_1 ? 2 : rest_1[word] != 0 ? rest_1[word] - 1 : 0;
                if (fire_0)
                    answers[tail[2:0]] <= {1'b0, word, 1'b0};
                if (fire_1)
                    answers[(tail[2:0] + fire_0) & 3'd7] <= {1'b0, word, 1'b1};
                if (last)
                    answers[(tail[2:0] + fire_0 + fire_1) & 3'd7] <= 16;
                tail  <= tail + fire_0 + fire_1 + last;
                word  <= word + 1;
                state <= last ? IDLE : STEP;
            end
        endcase
        if (rst) begin
            state      <= CLEAR;
            word       <= 0;
            event_head <= 0;
            event_tail <= 0;
            head       <= 0;
            tail       <= 0;
        end
    end
endmodule
