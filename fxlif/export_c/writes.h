/* What NAME_write writes, by the names of the rule; of a weight part is the number of its
   projection, and neuron the target; else part is a population. */
@WRITE_DEFINES@
/* The parameters as the design has them, and NAME_reset. Must be called first. */
void NAME_init(NAME_network *n);
/* Write a parameter between two steps; it acts from the next step on and stays over NAME_reset: 1.
   neuron: 0 where all share one value; from: the source neuron of a weight, else 0. What is not
   there, or cannot be stored: 0. Behind the first NAME_push_event of a step: -1. Neither changes
   anything. */
int NAME_write(NAME_network *n, int part, int parameter, int64_t value, uint32_t neuron,
               uint32_t from);
