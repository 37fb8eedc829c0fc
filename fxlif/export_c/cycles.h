
/* --- What the ports of the Verilog show in each clock cycle. ---

   NAME_cycles_reset is the power-up; then in each cycle NAME_cycles_show says what the outputs show
   before the clock edge, and NAME_cycles_clock is that edge. */

/* A core: what its control is at. */
typedef struct {
    int32_t op, slot, row, pending, updating, age, unknown;
    uint64_t clips;
    uint32_t dropped, saturated;
    int32_t pushed, read, fetched, held, shown, out_address, out_tick, fresh;
    uint32_t again;
    @MORE_CONTROL@
} NAME_control;
@MORE_TYPES@

typedef struct {
    NAME_control core[@CORES@];
    int32_t queue[@WORDS@];
    uint32_t spikes[@SIZES@];
    @STATE@
} NAME_cycles;

/* What a core shows: the number of the word that is written back, or -1, and of its trace what
   NAME_cycles_state and NAME_cycles_spikes give for the neurons of that word; its counters; of a
   chain what its control is doing, bits as in fxlif.cycles.control.CONTROL_FLAGS. */
typedef struct {
    int32_t written;
    uint32_t dropped, saturated, flags;
} NAME_core_shown;

typedef struct {
    int in_ready, out_valid, out_tick;
    uint32_t out_address;
    NAME_core_shown core[@CORES@];
} NAME_shown;

void NAME_cycles_reset(NAME_cycles *n);
void NAME_cycles_show(const NAME_cycles *n, NAME_shown *shown);
void NAME_cycles_clock(
    NAME_cycles *n, int rst, int in_valid, uint32_t in_address, int in_tick, int out_ready);
/* A state variable, and how often a neuron spiked, after the last update of a core: of its lanes
   that only fill up the last word too. */
int64_t NAME_cycles_state(const NAME_cycles *n, int core, int variable, uint32_t neuron);
uint32_t NAME_cycles_spikes(const NAME_cycles *n, int core, uint32_t neuron);
