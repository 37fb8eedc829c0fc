/* The golden network NAME for DPI-C, as NAME_pkg.sv imports it: NAME_INSTANCES of it, by number. A
   number that is none of theirs changes nothing, and the answer is 0 or no event. */

#include "NAME_dpi.h"
#include "NAME.h"

#ifndef NAME_INSTANCES
#define NAME_INSTANCES 4
#endif

static NAME_network networks[NAME_INSTANCES];

static int known(int which)
{
    return which >= 0 && which < NAME_INSTANCES;
}

@WRITES_BODY@

int NAME_dpi_push_event(int which, int address)
{
    return known(which) ? NAME_push_event(&networks[which], (uint32_t)address) : 0;
}

void NAME_dpi_tick(int which)
{
    if (known(which)) NAME_tick(&networks[which]);
}

int NAME_dpi_next_event(int which)
{
    return known(which) ? (int)NAME_next_event(&networks[which]) : NAME_TICK;
}

long long NAME_dpi_state(int which, int population, int variable, int neuron)
{
    return known(which) ? NAME_state(&networks[which], population, variable, (uint32_t)neuron) : 0;
}

long long NAME_dpi_dropped(int which)
{
    return known(which) ? (long long)networks[which].dropped : 0;
}

long long NAME_dpi_saturated(int which, int projection)
{
    const int count = (int)(sizeof networks[0].saturated / sizeof networks[0].saturated[0]);
    if (!known(which) || projection < 0 || projection >= count) return 0;
    return (long long)networks[which].saturated[projection];
}
@CYCLES_BODY@
