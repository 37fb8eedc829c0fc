/* What NAME_pkg.sv imports by DPI-C; types as IEEE 1800 maps them: int, longint to long long. */

#ifndef NAME_DPI_H
#define NAME_DPI_H

#ifdef __cplusplus
extern "C" {
#endif

void NAME_dpi_reset(int which);
int NAME_dpi_push_event(int which, int address);
void NAME_dpi_tick(int which);
int NAME_dpi_next_event(int which);
long long NAME_dpi_state(int which, int population, int variable, int neuron);
long long NAME_dpi_dropped(int which);
long long NAME_dpi_saturated(int which, int projection);
@WRITES_DPI@
@CYCLES_DPI@

#ifdef __cplusplus
}
#endif

#endif
