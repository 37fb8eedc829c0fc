
/* Among the rows that are looked up: an update. */
enum { UPDATE_ROW = -2, ROW_STAGES = 5 };
enum { EARLY_OLDEST = (ROW_STAGES - 1) * CLIPS_BITS };

/* A core: what it is beside its shape; an input of it; the rows of a projection; a row; sums. */
typedef struct {
    int32_t clear_slots, clear_from, least_slots, node, first_input, inputs, inputs_at;
    uint32_t ring_mask, n_events;
    int32_t summed, age;
} row_core;
typedef struct {
    int32_t node, memories, memories_at, parts;
} row_input;
typedef struct {
    uint32_t first, n_pre, rows_at;
} row_memory;
typedef struct {
    uint32_t weights_at, length, accumulator;
} row_of;
typedef struct {
    uint32_t totals_at, ring, size, mask;
    int64_t low, high;
} row_sums;

static const row_core row_cores[@CORES@] = {
@ROW_CORES@
};
static const row_input row_inputs[] = {
@ROW_INPUTS@
};
static const row_memory row_memories[] = {
@ROW_MEMORIES@
};
static const row_of rows_of[] = {
@ROWS@
};
static const row_sums sums_of[] = {
@SUMS@
};
static const int32_t consumers[@NODES@] = {@CONSUMERS@};
static const struct {
    int32_t node;
    uint32_t first;
} outputs[@OUTPUTS@] = {@OUTPUT_NODES@};
static const struct {
    int32_t node;
    uint32_t n, interval, entries_at;
} regulars[] = {
@REGULARS@
};

/* What the stream of a node shows in a cycle; how many of its consumers are not ready. */
typedef struct {
    int valid, tick;
    uint32_t address;
    int32_t unready;
} node_stream;

static int is_free(const NAME_control *now)
{
    return now->op == IDLE_ISSUE || now->slot == now->length - 1;
}

static int takes(const NAME_control *now)
{
    return now->waiting != NONE && is_free(now) && !(now->waiting == UPDATE_ROW && now->updating);
}

static int has_room(const NAME_control *now)
{
    return now->looked_up == NONE || now->waiting == NONE || takes(now);
}

static const row_input *read_by(int core, const NAME_control *now)
{
    return &row_inputs[row_cores[core].inputs_at + now->input];
}

static int is_ready(int core, const NAME_control *now)
{
    return has_room(now) && now->part == read_by(core, now)->parts - 1;
}

/* What all nodes show, by the state and what the input shows; the output whose turn it is has a
   consumer more. */
static void show_nodes(
    const NAME_cycles *n, node_stream *nodes, int in_valid, uint32_t in_address, int in_tick)
{
    int k;
    for (k = 0; k < @NODES@; ++k) nodes[k].unready = consumers[k];
    nodes[0].valid = in_valid;
    nodes[0].address = in_address;
    nodes[0].tick = in_tick;
    for (k = 0; k < @REGULAR@; ++k) {
        node_stream *node = &nodes[regulars[k].node];
        node->valid = n->regular[k].valid;
        node->tick = n->regular[k].tick;
        node->address = n->regular[k].address;
    }
    for (k = 0; k < @CORES@; ++k) {
        const NAME_control *now = &n->core[k];
        node_stream *own = &nodes[row_cores[k].node];
        own->valid = now->shown != NONE;
        own->address = (uint32_t)now->out_address;
        own->tick = now->out_tick;
        if (is_ready(k, now)) --nodes[read_by(k, now)->node].unready;
    }
}

/* Whether the tick of an output is not that of the step: others come after it. */
static int is_inner(const NAME_cycles *n, const node_stream *node)
{
    return node->tick && n->turn + 1 < @OUTPUTS@;
}

/* The word of weights that is issued, added to the totals; how many additions saturated. */
static uint32_t add_row_word(NAME_cycles *n, NAME_control *now, int32_t lanes)
{
    const row_sums *sums = &sums_of[now->accumulator];
    const uint32_t start = sums->totals_at + (now->base & sums->mask) * sums->size;
    const uint32_t end = sums->totals_at + sums->ring;
    uint32_t clipped = 0, at = (uint32_t)now->row;
    const uint32_t behind = at + (uint32_t)lanes;
    now->row = (int32_t)behind;
    for (; at < behind; ++at) {
        uint32_t place = start + row_targets[at];
        int64_t total;
        if (place >= end) place -= sums->ring;
        total = n->totals[place] + row_weights[at];
        clipped += total < sums->low || total > sums->high;
        total = total < sums->low ? sums->low : total;
        n->totals[place] = total > sums->high ? sums->high : total;
    }
    return clipped;
}

/* Issue what waits in the front. */
static void take(const core_shape *shape, const row_core *core, NAME_control *now)
{
    if (now->waiting == UPDATE_ROW) {
        now->op = UPDATE;
        now->slot = now->age = 0;
        now->length = shape->words > core->least_slots ? shape->words : core->least_slots;
        now->updating = 1;
    } else {
        const row_of *row = &rows_of[now->waiting];
        const int32_t length = (int32_t)row->length;
        if (length) {
            now->op = ADD;
            now->slot = 0;
            now->length = length > core->least_slots ? length : core->least_slots;
            now->row = (int32_t)row->weights_at;
            now->accumulator = (int32_t)row->accumulator;
        }
    }
    now->waiting = NONE;
}

/* One clock edge of the front with an event of its input, which moves with its last part. */
static void look_up(int k, NAME_control *now, const node_stream *nodes)
{
    const row_core *core = &row_cores[k];
    const row_input *read = read_by(k, now);
    const node_stream *source = &nodes[read->node];
    const int last = now->part == read->parts - 1;
    if (last && source->unready) return;
    if (!source->tick) {
        if (now->part < read->memories) {
            const row_memory *memory = &row_memories[read->memories_at + now->part];
            const uint32_t row = source->address - memory->first;
            if (source->address >= memory->first && row < memory->n_pre)
                now->looked_up = (int32_t)(memory->rows_at + row);
        }
        if (last && read->node == 0 && source->address >= core->n_events) now->unknown = 1;
    } else if (last) {
        if (++now->input == core->inputs) {
            now->looked_up = UPDATE_ROW;
            now->input = 0;
        }
    }
    now->part = last ? 0 : now->part + 1;
}

/* One clock edge of a core out of reset. */
static void clock_row(NAME_cycles *n, int k, const node_stream *nodes)
{
    const core_shape *shape = &shapes[k];
    const row_core *core = &row_cores[k];
    NAME_control *now = &n->core[k];
    const int taking = takes(now), room = has_room(now);
    const int due = now->op == UPDATE && now->slot == 0;
    if (due) now->update_base = now->base;
    if (now->unknown) {
        ++now->dropped;
        now->unknown = 0;
    }
    if (now->clips || now->early_clips) {
        now->saturated += (uint32_t)(now->clips >> CLIPS_OLDEST);
        now->clips = (now->clips & ((UINT64_C(1) << CLIPS_OLDEST) - 1)) << CLIPS_BITS;
        now->clips |= now->early_clips >> EARLY_OLDEST;
        now->early_clips = (now->early_clips & ((UINT64_C(1) << EARLY_OLDEST) - 1)) << CLIPS_BITS;
    }
    if (now->shown != NONE || now->pushed) emit(n, shape, now, !nodes[core->node].unready);
    if (now->age != NONE) write_back(n, shape, now);
    if (due) update(n, k);
    if (now->op) {
        if (now->op == ADD) {
            if (core->summed)
                now->early_clips |= add_row_word(n, now, shape->lanes);
            else if (now->slot == 0)
                act(n, k, now->row);
        }
        ++now->slot;
        if (now->slot == now->length) {
            if (now->op == UPDATE) now->base = (now->base + 1) & core->ring_mask;
            now->op = IDLE_ISSUE;
        } else if (now->op == CLEAR && now->slot == core->clear_from) {
            now->age = 0;
        }
    }
    if (taking) take(shape, core, now);
    if (now->waiting == NONE) {
        now->waiting = now->looked_up;
        now->looked_up = NONE;
    }
    if (room && nodes[read_by(k, now)->node].valid) look_up(k, now, nodes);
}

/* One clock edge of a regular source out of reset. */
static void clock_source(NAME_cycles *n, int k, const node_stream *nodes)
{
    NAME_regular *source = &n->regular[k];
    if (!nodes[regulars[k].node].unready) source->valid = 0;
    if (!source->fresh) {
        source->fresh = 1;
    } else if (!source->valid) {
        const uint32_t place = regulars[k].entries_at + source->place;
        source->valid = 1;
        if (source->place < regulars[k].n && regular_phases[place] == source->count) {
            source->address = regular_indices[place];
            source->tick = 0;
            ++source->place;
            source->fresh = 0;
        } else {
            source->address = 0;
            source->tick = 1;
            if (++source->count == regulars[k].interval)
                source->count = source->place = source->fresh = 0;
        }
    }
}

void NAME_cycles_reset(NAME_cycles *n)
{
    unsigned char *bytes = (unsigned char *)n;
    size_t at;
    int core;
    for (at = 0; at < sizeof *n; ++at) bytes[at] = 0;
    for (core = 0; core < @CORES@; ++core) {
        NAME_control *now = &n->core[core];
        now->op = CLEAR;
        now->length = row_cores[core].clear_slots;
        now->input = row_cores[core].first_input;
        now->age = row_cores[core].age;
        now->waiting = now->looked_up = now->fetched = now->held = now->shown = NONE;
        now->updating = now->fresh = 1;
    }
@SEEDS@
}

void NAME_cycles_show(const NAME_cycles *n, NAME_shown *shown)
{
    node_stream nodes[@NODES@];
    const node_stream *out;
    int core;
    show_nodes(n, nodes, 0, 0, 0);
    out = &nodes[outputs[n->turn].node];
    shown->in_ready = !nodes[0].unready;
    shown->out_valid = out->valid && out->unready == 1 && !is_inner(n, out);
    shown->out_tick = out->tick;
    shown->out_address = out->tick ? 0 : outputs[n->turn].first + out->address;
    for (core = 0; core < @CORES@; ++core) {
        const NAME_control *now = &n->core[core];
        const int32_t word = now->age - shapes[core].write_distance;
        shown->core[core].written = word >= 0 && !now->fresh ? word : NONE;
        shown->core[core].dropped = now->dropped;
        shown->core[core].saturated = now->saturated;
        shown->core[core].flags = 0;
    }
}

void NAME_cycles_clock(
    NAME_cycles *n, int rst, int in_valid, uint32_t in_address, int in_tick, int out_ready)
{
    node_stream nodes[@NODES@];
    node_stream *out;
    int k;
    if (rst) {
        NAME_cycles_reset(n);
        return;
    }
    show_nodes(n, nodes, in_valid, in_address, in_tick);
    out = &nodes[outputs[n->turn].node];
    if (out_ready || is_inner(n, out)) --out->unready;
    for (k = 0; k < @CORES@; ++k) clock_row(n, k, nodes);
    if (out->valid && out->tick && !out->unready) n->turn = (n->turn + 1) % @OUTPUTS@;
    for (k = 0; k < @REGULAR@; ++k) clock_source(n, k, nodes);
}
