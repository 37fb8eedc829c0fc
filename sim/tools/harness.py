"""The C++ around a Verilated design: it runs arrays of cycles, and drives streams that react."""

HARNESS = """\
#include "Vdesign.h"
#include "verilated.h"
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>
static thread_local const char* folder = "";
// The folder of the images, for the text above: the current one is the user's.
extern "C" const char* fxlif_folder() { return folder; }
struct Design {
    VerilatedContext context;
    Vdesign top{&context};
    std::string said;
    bool dead = false;
};
static thread_local Design* running = nullptr;
// What the design prints comes here by the linker's --wrap: of it, what it complains of is kept.
static void say(const char* text) {
    if (!running || running->said.size() > 1 << 21) return;
    for (const char* sign : {"%Error", "%Warning", "%Fatal", "Verilog $finish"})
        if (std::strstr(text, sign)) {
            running->said += text;
            return;
        }
}
static int say_printed(const char* format, va_list given) {
    char text[4096];
    const int size = std::vsnprintf(text, sizeof text, format, given);
    say(text);
    return size;
}
extern "C" int __wrap_printf(const char* format, ...) {
    va_list given;
    va_start(given, format);
    const int size = say_printed(format, given);
    va_end(given);
    return size;
}
extern "C" int __wrap___printf_chk(int, const char* format, ...) {
    va_list given;
    va_start(given, format);
    const int size = say_printed(format, given);
    va_end(given);
    return size;
}
// Instead of Verilator's own, which ends the process; whoever calls it does not go on.
struct Fatal {};
void vl_fatal(const char* file, int line, const char*, const char* text) {
    const std::string where = file && *file ? std::string(file) + ":" + std::to_string(line) : "";
    say(("%Error: " + where + ": " + text + "\\n").c_str());
    throw Fatal{};
}
// One clock cycle; whether there may be another.
static inline bool cycle(Design& design, const uint32_t* stimulus, uint32_t* response) {
    Vdesign& top = design.top;
    std::memcpy(&top.stimulus, stimulus, sizeof top.stimulus);
    top.clk = 0;
    top.eval();
    std::memcpy(response, &top.response, sizeof top.response);
    top.clk = 1;
    top.eval();
    return !design.context.gotFinish();
}
// So many cycles, or as many as the design lives for: how many are whole.
template <class Step> static uint64_t run(Design& design, uint64_t cycles, Step step) {
    uint64_t done = 0;
    running = &design;
    try {
        for (; done < cycles && !design.dead; ++done) design.dead = !step(done);
    } catch (const Fatal&) {
        design.dead = true;
    }
    running = nullptr;
    return done;
}
// An event source, a sink and a reset, and where they are; sim/tools/verilated.py has the same.
struct Agent {
    int64_t rst, in_valid, in_address, in_tick, out_ready;  // bits of the stimulus
    int64_t valid_seen, ready_seen, out_seen;               // bits of the response
    int64_t address_bits;
    int64_t next, offered, taken, out_valid, shy, random;
};
enum { IDLE = 1, STALL = 2, RESET = 4 };
static inline bool bit(const uint32_t* words, int64_t at) {
    return words[at >> 5] >> (at & 31) & 1;
}
static inline void put(uint32_t* words, int64_t at, uint64_t value) {
    value <<= at & 31;
    words[at >> 5] |= static_cast<uint32_t>(value);
    words[(at >> 5) + 1] |= static_cast<uint32_t>(value >> 32);
}
extern "C" {
void* design_new(const char* images) {
    folder = images;
    Design* design = new Design;
    design->context.fatalOnError(false);
    design->top.clk = 0;
    running = design;
    try {
        design->top.eval();  // reads the images
        design->dead = design->context.gotFinish();
    } catch (const Fatal&) {
        design->dead = true;
    }
    running = nullptr;
    folder = "";
    return design;
}
void design_delete(void* design) { delete static_cast<Design*>(design); }
// What the design complained of, as it printed it.
const char* design_said(void* design) { return static_cast<Design*>(design)->said.c_str(); }
// One row of stimulus per cycle in, one row of response out, as it stands before the clock edge.
uint64_t design_run(void* pointer, const uint32_t* stimulus, size_t stimulus_words,
                    uint32_t* response, size_t response_words, uint64_t cycles) {
    Design& design = *static_cast<Design*>(pointer);
    return run(design, cycles, [&](uint64_t now) {
        return cycle(design, stimulus + now * stimulus_words, response + now * response_words);
    });
}
// The same by an agent that offers events one after the other: each stays until it is taken. The
// flags of a cycle hold back a new event (idle) and ready (stall), or reset. At times the sink is
// shy: its ready waits for valid. The rows of the stimulus, zeros before, are what it has shown.
uint64_t design_drive(void* pointer, Agent* agent, const int64_t* events, int64_t count,
                      const uint8_t* flags, uint32_t* stimulus, size_t stimulus_words,
                      uint32_t* response, size_t response_words, uint64_t cycles) {
    Design& design = *static_cast<Design*>(pointer);
    Agent& at = *agent;
    return run(design, cycles, [&](uint64_t now) {
        uint32_t* shown = stimulus + now * stimulus_words;
        uint32_t* seen = response + now * response_words;
        if (at.offered && at.taken) {
            at.offered = 0;
            ++at.next;
        }
        if (!at.offered && at.next < count && !(flags[now] & IDLE)) at.offered = 1;
        if (at.offered) {
            const int64_t event = events[at.next];
            put(shown, at.in_valid, 1);
            put(shown, at.in_address, event & ((int64_t{1} << at.address_bits) - 1));
            put(shown, at.in_tick, event >> at.address_bits);
        }
        if (at.out_valid) {
            at.random = static_cast<int64_t>(
                static_cast<uint64_t>(at.random) * 6364136223846793005u + 1442695040888963407u);
            at.shy = (static_cast<uint64_t>(at.random) >> 62) == 0;
        }
        if (!(flags[now] & STALL) && (at.out_valid || !at.shy)) put(shown, at.out_ready, 1);
        if (flags[now] & RESET) put(shown, at.rst, 1);
        const bool on = cycle(design, shown, seen);
        at.taken = bit(seen, at.valid_seen) && bit(seen, at.ready_seen);
        at.out_valid = bit(seen, at.out_seen);
        return on;
    });
}
}
"""
