/* What NAME_pkg.sv imports by DPI-C; types as IEEE 1800 maps them: int, longint to long long. */

#ifndef NAME_DPI_H
#define NAME_DPI_H

#ifdef __cplusplus
extern "C" {
#endif

void NAME_dpi_reset(int which);
int NAME_dpi_step(int which, long long current);
void NAME_dpi_clock(int which, int rst, int enable, long long current);
int NAME_dpi_spike(int which);
long long NAME_dpi_state(int which, int variable);

#ifdef __cplusplus
}
#endif

#endif
