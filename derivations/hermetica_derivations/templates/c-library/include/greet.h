#ifndef GREET_H
#define GREET_H

#include <stddef.h>

/* Writes a greeting of `name` to `out`, at most `size` bytes with the final NUL; its whole length, as snprintf counts. */
int greet(char *out, size_t size, const char *name);

#endif
