#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdio.h>

/* What was counted. */
struct tally {
    size_t lines;
    size_t words;
};

/* Counts the lines and the words of a stream, to its end. */
struct tally tally_stream(FILE *stream);

#endif
