#include "tally.h"

int main(void) {
    struct tally counted = tally_stream(stdin);
    return printf("%zu lines, %zu words\n", counted.lines, counted.words) < 0;
}
