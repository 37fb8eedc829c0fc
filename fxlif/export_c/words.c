/* The state of a linear feedback shift register after one shift. */
static inline uint32_t shifted(uint32_t state, uint32_t mask)
{
    return (state >> 1) ^ (mask & (0u - (state & 1u)));
}

/* SplitMix64: its output function; where the words of a step start; word k of them. */
static inline uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static inline uint64_t first_word(uint64_t key, uint64_t step)
{
    return mixed(key + (step + 1) * UINT64_C(0x9E3779B97F4A7C15));
}

static inline uint64_t word(uint64_t start, uint32_t k)
{
    return mixed(start + ((uint64_t)k + 1) * UINT64_C(0x9E3779B97F4A7C15));
}

/* How many of an ascending table are below x. */
static inline int32_t words_below(const uint64_t *table, int32_t count, uint64_t x)
{
    int32_t low = 0, high = count;
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if (table[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

