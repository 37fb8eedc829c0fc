/* The golden neuron NAME for DPI-C, as NAME_pkg.sv imports it: NAME_INSTANCES of it, by number. A
   number that is none of theirs changes nothing, and the answer is 0. */

#include "NAME_dpi.h"
#include "NAME.h"

#ifndef NAME_INSTANCES
#define NAME_INSTANCES 4
#endif

static NAME_cycles neurons[NAME_INSTANCES];

static int known(int which)
{
    return which >= 0 && which < NAME_INSTANCES;
}

void NAME_dpi_reset(int which)
{
    if (known(which)) NAME_cycles_reset(&neurons[which]);
}

int NAME_dpi_step(int which, long long current)
{
    if (!known(which)) return 0;
    NAME_cycles_clock(&neurons[which], 0, 1, (int64_t)current);
    return (int)neurons[which].spike;
}

void NAME_dpi_clock(int which, int rst, int enable, long long current)
{
    if (known(which)) NAME_cycles_clock(&neurons[which], rst, enable, (int64_t)current);
}

int NAME_dpi_spike(int which)
{
    return known(which) ? (int)neurons[which].spike : 0;
}

long long NAME_dpi_state(int which, int variable)
{
    if (!known(which)) return 0;
    switch (variable) {
    case 0:
        return neurons[which].neuron.v;
    case 1:
        return neurons[which].neuron.i_syn;
    case 2:
        return neurons[which].neuron.theta;
    case 3:
        return neurons[which].neuron.refractory;
    default:
        return 0;
    }
}
