// 64 neurons, eight at a time, with queues of 16 at both ends. Written by hand in plain
// Verilog-2005, as somebody would who never saw fxlif.
module wide (
    input  wire        clk,
    input  wire        rst,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire [5:0]  in_data,     // bit 5: a tick
    output wire        out_valid,
    input  wire        out_ready,
    output wire [6:0]  out_data,    // bit 6: a tick
    output reg  [19:0] dropped
);
    localparam [2:0] CLEAR = 0, IDLE = 1, ADD = 2, STEP = 3, SEND = 4;
    localparam THRESHOLD = 200, SHIFT = 4;

    // The queue of events.
    reg  [5:0] events [0:15];
    reg  [4:0] event_head, event_tail;
    wire [4:0] waiting   = event_tail - event_head;
    wire [5:0] event_now = events[event_head[3:0]];
    assign     in_ready  = waiting != 16;

    // The queue of answers.
    reg  [6:0] answers [0:15];
    reg  [4:0] head, tail;
    wire [4:0] stored    = tail - head;
    wire       full      = stored == 16;
    assign     out_valid = stored != 0;
    assign     out_data  = answers[head[3:0]];

    reg  [2:0] state;
    reg  [2:0] word;
    reg  [3:0] row;
    reg  [7:0] mask;                // the spikes of a word that were not sent
    wire       last = word == 7;
    wire [7:0] fire;

    // The first lane of the mask.
    reg  [2:0] first;
    integer    k;
    always @* begin
        first = 0;
        for (k = 7; k >= 0; k = k - 1)
            if (mask[k]) first = k;
    end
    wire [7:0] left  = mask & (mask - 1);
    wire       done  = left == 0;   // nothing but the first one, or nothing
    wire       spike = state == SEND && mask != 0;
    wire       tick  = state == SEND && mask == 0 && last;
    wire       push  = (spike || tick) && !full;

    reg  [63:0] weights [0:127];
    initial $readmemh("wide_weights.mem", weights);
    wire [63:0] weight = weights[{row, word}];

    genvar g;
    generate
        for (g = 0; g < 8; g = g + 1) begin : lane
            reg signed [13:0] sums [0:7];
            reg signed [11:0] v    [0:7];
            reg               rest [0:7];
            wire signed [7:0]  w     = weight[8 * g +: 8];
            wire signed [11:0] now   = v[word];
            wire signed [15:0] exact = now - (now >>> SHIFT) + sums[word];
            wire signed [11:0] u     = exact > 2047 ? 2047 : exact < -2048 ? -2048 : exact;
            assign fire[g] = !rest[word] && u >= THRESHOLD;
            always @(posedge clk)
                case (state)
                    CLEAR: begin
                        sums[word] <= 0;
                        v[word]    <= 0;
                        rest[word] <= 0;
                    end
                    ADD: sums[word] <= sums[word] + w;
                    STEP: begin
                        sums[word] <= 0;
                        v[word]    <= rest[word] ? now : fire[g] ? 0 : u;
                        rest[word] <= fire[g];
                    end
                endcase
        end
    endgenerate

    always @(posedge clk) begin
        if (in_valid && in_ready) begin
            events[event_tail[3:0]] <= in_data;
            event_tail <= event_tail + 1;
        end
        if (out_valid && out_ready)
            head <= head + 1;
        if (push) begin
            answers[tail[3:0]] <= tick ? 64 : {1'b0, word, first};
            tail <= tail + 1;
        end
        case (state)
            CLEAR: begin
                word  <= word + 1;
                state <= last ? IDLE : CLEAR;
            end
            IDLE: if (waiting != 0) begin
                event_head <= event_head + 1;
                row        <= event_now[3:0];
                word       <= 0;
                state      <= event_now[5] ? STEP : event_now[4] ? IDLE : ADD;
                if (!event_now[5] && event_now[4] && dropped != 20'hFFFFF)
                    dropped <= dropped + 1;
            end
            ADD: begin
                word  <= word + 1;
                state <= last ? IDLE : ADD;
            end
            STEP: begin
                mask  <= fire;
                state <= SEND;
            end
            SEND: if (!full || (mask == 0 && !last)) begin
                mask  <= left;
                if (mask == 0 || (done && !last)) begin
                    word  <= word + 1;
                    state <= last ? IDLE : STEP;
                end
            end
            default: ;
        endcase
        if (rst) begin
            state      <= CLEAR;
            word       <= 0;
            mask       <= 0;
            event_head <= 0;
            event_tail <= 0;
            head       <= 0;
            tail       <= 0;
            dropped    <= 0;
        end
    end
endmodule
