/* Says what a locale by name is like: a day of the week, the character set, how fractions are written. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 2 || !setlocale(LC_ALL, argv[1]))
        return puts("no such locale") < 0;
    return printf("%s %s %.2f\n", nl_langinfo(DAY_2), nl_langinfo(CODESET), 3.5) < 0;
}
