#include "greet.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
    char text[64], small[6];

    if (greet(text, sizeof text, "Ada") != 11 || strcmp(text, "Hello, Ada!")) {
        fprintf(stderr, "greet says %s\n", text);
        return 1;
    }
    if (greet(small, sizeof small, "Ada") != 11 || strcmp(small, "Hello")) {
        fprintf(stderr, "greet cut short says %s\n", small);
        return 1;
    }
    puts("all tests passed");
    return 0;
}
