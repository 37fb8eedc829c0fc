
static inline uint32_t add_word(NAME_cycles *n, int core, int32_t row, int32_t slot)
{
    (void)n;
    (void)row;
    (void)slot;
    switch (core) {
@ADDS@
    default:
        return 0;
    }
}

static inline int ready_of(const core_shape *shape, const NAME_control *now)
{
    return (now->op == IDLE_ISSUE || now->slot == shape->event_cycles - 1) && !now->pending;
}

/* One clock edge of a core out of reset, from what its streams show. */
static inline void clock_core(
    NAME_cycles *n, int core, int valid, uint32_t address, int tick, int out_ready)
{
    const core_shape *shape = &shapes[core];
    NAME_control *now = &n->core[core];
    const int waits = now->updating, ready = ready_of(shape, now);
    const int due = now->op == UPDATE && now->slot == 0;
    int start = now->pending && !waits;
    if (now->unknown) {
        ++now->dropped;
        now->unknown = 0;
    }
    if (now->clips) {
        now->saturated += (uint32_t)(now->clips >> CLIPS_OLDEST);
        now->clips = (now->clips & ((UINT64_C(1) << CLIPS_OLDEST) - 1)) << CLIPS_BITS;
    }
    if (now->shown != NONE || now->pushed) emit(n, shape, now, out_ready);
    if (now->age != NONE) write_back(n, shape, now);
    if (now->op) {
        if (now->op == ADD && now->slot < shape->summed)
            now->clips |= add_word(n, core, now->row, now->slot);
        if (++now->slot == shape->event_cycles) now->op = IDLE_ISSUE;
    }
    if (due) update(n, core);
    if (valid && ready) {
        if (tick) {
            now->pending = 1;
            start = !waits;
        } else if (address < shape->n_inputs) {
            now->op = ADD;
            now->slot = 0;
            now->row = (int32_t)address;
            act(n, core, now->row);
        } else {
            now->unknown = 1;
        }
    }
    if (start) {
        now->op = UPDATE;
        now->slot = now->age = 0;
        now->updating = 1;
        now->pending = 0;
    }
}

static uint32_t control_flags(const core_shape *shape, const NAME_control *now)
{
    uint32_t flags = (uint32_t)(now->op | now->pending << 3 | now->updating << 4);
    if (now->updating) {
        flags |= (uint32_t)(now->op == UPDATE && now->slot == 0) << 5;
        flags |= (uint32_t)(now->age > 0) << 6;
        flags |= (uint32_t)(shape->write_distance <= now->age && now->age < shape->words) << 7;
        flags |= (uint32_t)(now->read < now->pushed) << 8;
        flags |= (uint32_t)(now->fetched != NONE) << 9 | (uint32_t)(now->held != NONE) << 10;
    }
    if (now->shown != NONE) {
        flags |= (uint32_t)(now->out_tick ? 2 : 1) << 11;
        flags |= (uint32_t)(now->again > 0) << 13;
    }
    return flags;
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
        now->fetched = now->held = now->shown = NONE;
        now->updating = now->fresh = 1;
    }
@SEEDS@
}

void NAME_cycles_show(const NAME_cycles *n, NAME_shown *shown)
{
    const NAME_control *last = &n->core[@CORES@ - 1];
    int core;
    shown->in_ready = ready_of(&shapes[0], &n->core[0]);
    shown->out_valid = last->shown != NONE;
    shown->out_address = (uint32_t)last->out_address;
    shown->out_tick = last->out_tick;
    for (core = 0; core < @CORES@; ++core) {
        const NAME_control *now = &n->core[core];
        const int32_t word = now->age - shapes[core].write_distance;
        shown->core[core].written = word >= 0 && !now->fresh ? word : NONE;
        shown->core[core].dropped = now->dropped;
        shown->core[core].saturated = now->saturated;
        shown->core[core].flags = control_flags(&shapes[core], now);
    }
}

void NAME_cycles_clock(
    NAME_cycles *n, int rst, int in_valid, uint32_t in_address, int in_tick, int out_ready)
{
    int core, ready = out_ready;
    if (rst) {
        NAME_cycles_reset(n);
        return;
    }
    /* The last core first: what the one before it shows is still as it was. */
    for (core = @CORES@ - 1; core >= 0; --core) {
        const int taking = ready_of(&shapes[core], &n->core[core]);
        if (core) {
            const NAME_control *ahead = &n->core[core - 1];
            clock_core(n, core, ahead->shown != NONE, (uint32_t)ahead->out_address,
                       ahead->out_tick, ready);
        } else {
            clock_core(n, core, in_valid, in_address, in_tick, ready);
        }
        ready = taking;
    }
}
