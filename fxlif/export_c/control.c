
/* --- What the ports show in each clock cycle. --- */

enum { IDLE_ISSUE = 0, CLEAR = 1, ADD = 2, UPDATE = 4, NONE = -1 };
/* Additions that saturate are counted so many cycles after their issue, of each their number. */
enum { CLIPS_BITS = 10, CLIPS_OLDEST = 40 };

typedef struct {
    uint32_t n_inputs;
    int32_t words, lanes, event_cycles, write_distance, summed;
    uint32_t spikes_at, queue_at;
} core_shape;

static const core_shape shapes[@CORES@] = {
@SHAPES@
};

@VALUES@

static inline void update(NAME_cycles *n, int core)
{
    switch (core) {
@UPDATES@
    default:
        break;
    }
}

static inline void act(NAME_cycles *n, int core, int32_t row)
{
    (void)n;
    (void)row;
    switch (core) {
@ACTS@
    default:
        break;
    }
}

/* The first neuron of a word that spikes, from a lane on, or NONE. */
static inline int32_t next_spike(
    const NAME_cycles *n, const core_shape *shape, int32_t word, int32_t lane)
{
    const int32_t first = word * shape->lanes;
    int32_t neuron;
    for (neuron = first + lane; neuron < first + shape->lanes; ++neuron)
        if (n->spikes[shape->spikes_at + (uint32_t)neuron]) return neuron;
    return NONE;
}

/* One clock edge of the queue's output, the stages behind it and the emitter. */
static void emit(NAME_cycles *n, const core_shape *shape, NAME_control *now, int ready)
{
    int32_t word = now->shown, neuron = NONE;
    int moves = 0;
    if (word != NONE && !ready) {
        moves = 0;
    } else if (now->again) {
        --now->again;
    } else {
        moves = word == NONE || now->out_tick;
        if (!moves) {
            neuron = next_spike(n, shape, word, now->out_address + 1 - word * shape->lanes);
            moves = neuron == NONE && word != shape->words - 1;
        }
        if (moves) {
            now->shown = word = now->held;
            if (word != NONE) neuron = next_spike(n, shape, word, 0);
        }
        now->out_tick = neuron == NONE;
        if (neuron != NONE) {
            now->out_address = neuron;
            now->again = n->spikes[shape->spikes_at + (uint32_t)neuron] - 1;
        } else if (word != NONE) {
            now->out_address = now->updating = now->pushed = now->read = 0;
        }
    }
    moves = moves || now->held == NONE;
    if (moves) now->held = now->fetched;
    if (moves || now->fetched == NONE) {
        now->fetched = NONE;
        if (now->read < now->pushed)
            now->fetched = n->queue[shape->queue_at + (uint32_t)now->read++];
    }
}

/* One clock edge of the stages of an update or a clear: what is written back is queued. */
static inline void write_back(NAME_cycles *n, const core_shape *shape, NAME_control *now)
{
    const int32_t word = now->age - shape->write_distance;
    const int last = word == shape->words - 1;
    if (word >= 0 && now->fresh) {
        if (last) now->updating = 0;
    } else if (word >= 0 && (last || next_spike(n, shape, word, 0) != NONE)) {
        n->queue[shape->queue_at + (uint32_t)now->pushed++] = word;
    }
    now->age = last ? NONE : now->age + 1;
}
