#include "tally.h"

#include <stdlib.h>

int main(void) {
    FILE *file = tmpfile();
    struct tally counted;
    if (file == NULL || fputs("one two\n\n  three\n", file) == EOF) {
        return EXIT_FAILURE;
    }
    rewind(file);
    counted = tally_stream(file);
    return counted.lines == 3 && counted.words == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
