/* The golden network NAME, in exact integers: C99, and C++. Nothing is allocated, and all of its
   state is in one NAME_network, of which there may be as many as one likes.

   In each step: NAME_push_event for each event in, in their order; NAME_tick; then NAME_next_event
   until it returns NAME_TICK, for the spikes of the output populations in golden order. */

#ifndef NAME_H
#define NAME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ends the answers of a step. */
#define NAME_TICK (-1)
/* State variables of a neuron. */
#define NAME_V 0
#define NAME_I_SYN 1
#define NAME_THETA 2
#define NAME_REFRACTORY 3
/* Populations, as NAME_step and NAME_state number them. */
@POPULATIONS@
/* So many events of a step from one source there is room for, where events act one by one. */
#ifndef NAME_EVENTS
#define NAME_EVENTS 4096
#endif

typedef struct {
@FIELDS@
} NAME_network;

/* State variables of one neuron; those that it does not have stay 0. */
typedef struct {
    int64_t v, i_syn, theta, refractory;
} NAME_neuron;

/* The golden step of one neuron of a population, alone; how often it spikes. current: what synapses
   and noise bring it, without the bias, and v_threshold its stored threshold: only what there can
   be. random: its draw. Where events act one by one, what each of them adds comes before. */
int32_t NAME_step(int population, NAME_neuron *neuron, int64_t current, int64_t v_threshold,
                  uint32_t random, const int64_t *added, uint32_t events);

/* Step 0: the initial state, no spike under way, counters at 0. @FIRST@ */
void NAME_reset(NAME_network *n);
/* An event of the step that the next NAME_tick ends: 1. An address that no source has: 0, and it is
   counted. No room (NAME_EVENTS): -1, and nothing has changed. Addresses of several sources follow
   each other, in the order of the sources. */
int NAME_push_event(NAME_network *n, uint32_t address);
/* The step. */
void NAME_tick(NAME_network *n);
/* The next spike of the last step, or NAME_TICK behind the last one. */
int32_t NAME_next_event(NAME_network *n);
/* A state variable after the last step; 0 of one that is not there. */
int64_t NAME_state(const NAME_network *n, int population, int variable, uint32_t neuron);
@WRITES@
@CYCLES@
#ifdef __cplusplus
}
#endif

#endif
