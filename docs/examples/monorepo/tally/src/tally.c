#include "tally.h"

#include <ctype.h>

struct tally tally_stream(FILE *stream) {
    struct tally counted = {0, 0};
    int character, inside = 0;
    while ((character = getc(stream)) != EOF) {
        counted.lines += character == '\n';
        counted.words += !inside && !isspace(character);
        inside = !isspace(character);
    }
    return counted;
}
