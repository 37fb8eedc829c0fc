/* The golden neuron NAME, in exact integers: C99, and C++. Nothing is allocated.

   A current lies in @LOW@..@HIGH@; where events act one by one it is one event. */

#ifndef NAME_H
#define NAME_H

#include <stdint.h>

#ifdef __cplusplus
#define NAME_RESTRICT
#else
#define NAME_RESTRICT restrict
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* One neuron: its state, and the draw of its next step where a rounding is random. */
typedef struct {
    int64_t v, i_syn, theta, refractory;
    uint32_t lfsr;
} NAME_neuron;

/* The state after a reset, and the first draw. Must be called first. */
void NAME_reset(NAME_neuron *neuron);
/* One step with an input current; how often the neuron spikes. */
int32_t NAME_step(NAME_neuron *neuron, int64_t current);
/* One step of n neurons of one population, from arrays of their states, of which none overlaps
   another; where a rounding is random they draw in the order of their index, first what *lfsr
   holds: @SEED@ after a reset. spiked: how often each spikes. */
void NAME_steps(uint32_t n, @ARRAYS@);

/* What the registered neuron shows before a clock edge: its state, and in spike how often it fired
   at the last edge with enable. */
typedef struct {
    NAME_neuron neuron;
    int32_t spike;
} NAME_cycles;

/* The state after a reset. Must be called first. */
void NAME_cycles_reset(NAME_cycles *m);
/* A clock edge, by what the inputs show before it. */
void NAME_cycles_clock(NAME_cycles *m, int rst, int enable, int64_t current);

#ifdef __cplusplus
}
#endif

#endif
