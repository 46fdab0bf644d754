/* What the C library does with files that are not part of it: names, character sets, locales, libraries. */
#include <dlfcn.h>
#include <errno.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <wctype.h>

static void convert(const char *from, const char *to, char *in, size_t length)
{
    char out[64] = "", *at = out;
    size_t left = sizeof out - 1;
    iconv_t way = iconv_open(to, from);
    if (way == (iconv_t)-1 || iconv(way, &in, &length, &at, &left) == (size_t)-1)
        printf("iconv %s %s: %s\n", from, to, strerror(errno));
    else {
        printf("iconv %s %s:", from, to);
        for (char *byte = out; byte < at; byte++)
            printf(" %02x", *byte & 0xff);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    struct passwd *entry = getpwnam("builder");
    struct addrinfo *address;
    int failed = getaddrinfo("localhost", "80", NULL, &address);
    void *library;
    const char *(*greet)(void);

    printf("getpwnam: %s\n", entry ? entry->pw_dir : "no such user");
    printf("getaddrinfo: %s\n", failed ? gai_strerror(failed) : "found");
    convert("ISO-8859-1", "UTF-8", "\xe9", 1);
    convert("UTF-8", "EUC-JP", "\xe6\x97\xa5", 3);
    printf("setlocale: %s\n", setlocale(LC_ALL, "C.UTF-8") ? "C.UTF-8" : "no such locale");
    printf("towupper: %x\n", (unsigned)towupper(0xe9));
    if (argc > 1)
        printf("setlocale %s: %s\n", argv[1], setlocale(LC_ALL, argv[1]) ? "found" : "no such locale");
    library = dlopen("libgreet.so", RTLD_NOW);
    if (library && (*(void **)&greet = dlsym(library, "greet")))
        printf("dlopen: %s\n", greet());
    else
        printf("dlopen: %s\n", dlerror());
    return 0;
}
