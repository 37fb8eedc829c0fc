void NAME_reset(NAME_neuron *neuron)
{
    neuron->v = @V_RESET@;
    neuron->i_syn = neuron->theta = neuron->refractory = 0;
    neuron->lfsr = @SEED@;
}

int32_t NAME_step(NAME_neuron *neuron, int64_t current)
{
    @LOCALS@
    @CALL@
    @STORE@
    return (int32_t)spikes;
}

/* Compilers that only do what -O2 asks for make vectors of a loop whose length they know, and of
   one function as many copies as there are widths of vectors: the machine takes its own. */
#if defined(__GNUC__)
#define INLINED inline __attribute__((always_inline))
#else
#define INLINED inline
#endif
#if defined(__GNUC__) && __GNUC__ >= 12 && defined(__x86_64__) && defined(__GLIBC__) && \
    !defined(__AVX2__) && !defined(__SANITIZE_THREAD__)
#define CLONED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONED
#endif
enum { TOGETHER = 64 };

static INLINED void several(uint32_t n, @ARRAYS@)
{
    uint32_t k;
    for (k = 0; k < n; ++k) {
        @LOCALS@
        @CALL_EACH@
        @STORE_EACH@
        spiked[k] = (uint8_t)spikes;
    }
}

CLONED void NAME_steps(uint32_t n, @ARRAYS@)
{
    uint32_t k;
    for (k = 0; n - k >= TOGETHER; k += TOGETHER)
        several(TOGETHER, @FROM_K@);
    several(n - k, @FROM_K@);
}

void NAME_cycles_reset(NAME_cycles *m)
{
    NAME_reset(&m->neuron);
    m->spike = 0;
}

void NAME_cycles_clock(NAME_cycles *m, int rst, int enable, int64_t current)
{
    if (rst)
        NAME_cycles_reset(m);
    else if (enable)
        m->spike = NAME_step(&m->neuron, current);
}
