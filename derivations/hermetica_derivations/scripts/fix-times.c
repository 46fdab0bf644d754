/* fix-times FILE...

   Gives members of zip files (jar, wheel) the earliest date that the format has, in local headers, in the central
   directory and in the extra fields of Info-ZIP and NTFS; and compiled Python the time that files of the store have,
   so that it counts as up to date. Other files are left alone. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t first_date = 0x00210000; /* 1980-01-01 00:00:00, as MS-DOS writes it: date above time */
static const uint32_t first_second = 315532800;
static const uint32_t store_second = 1;

static uint32_t get(const unsigned char *at, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes; i--;)
        value = value << 8 | at[i];
    return value;
}

static void put(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++, value >>= 8)
        at[i] = value;
}

static void fix_extra(unsigned char *extra, size_t length)
{
    while (length >= 4) {
        size_t size = get(extra + 2, 2);
        if (size > length - 4)
            return;
        if (get(extra, 2) == 0x5455) /* flags, then up to three times */
            for (size_t at = 5; at + 4 <= 4 + size; at += 4)
                put(extra + at, first_second);
        if (get(extra, 2) == 0x5855) /* access, modification, then owners */
            for (size_t at = 4; at + 4 <= 4 + size && at < 12; at += 4)
                put(extra + at, first_second);
        if (get(extra, 2) == 0x000a)
            memset(extra + 4, 0, size);
        extra += 4 + size;
        length -= 4 + size;
    }
}

static void fix_zip(unsigned char *image, size_t size)
{
    if (size < 22)
        return;
    for (size_t end = size - 22;; end--) {
        if (get(image + end, 4) == 0x06054b50) {
            size_t at = get(image + end + 16, 4);
            for (uint32_t count = get(image + end + 10, 2); count; count--) {
                if (at > size || size - at < 46 || get(image + at, 4) != 0x02014b50)
                    return;
                size_t name = get(image + at + 28, 2), extra = get(image + at + 30, 2), comment = get(image + at + 32, 2);
                size_t local = get(image + at + 42, 4);
                if (size - at < 46 + name + extra)
                    return;
                put(image + at + 12, first_date);
                fix_extra(image + at + 46 + name, extra);
                if (local <= size && size - local >= 30 && get(image + local, 4) == 0x04034b50) {
                    size_t local_name = get(image + local + 26, 2), local_extra = get(image + local + 28, 2);
                    put(image + local + 10, first_date);
                    if (size - local >= 30 + local_name + local_extra)
                        fix_extra(image + local + 30 + local_name, local_extra);
                }
                at += 46 + name + extra + comment;
            }
            return;
        }
        if (!end || size - end > 22 + 65535)
            return;
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r+b");
        if (!file || fseek(file, 0, SEEK_END)) {
            perror(argv[i]);
            return 1;
        }
        size_t size = ftell(file);
        unsigned char *image = malloc(size + 1), *before = malloc(size + 1);
        rewind(file);
        if (!image || !before || fread(image, 1, size, file) != size) {
            perror(argv[i]);
            return 1;
        }
        memcpy(before, image, size);
        if (size >= 4 && memcmp(image, "PK", 2) == 0)
            fix_zip(image, size);
        else if (size >= 16 && memcmp(image + 2, "\r\n", 2) == 0 && get(image + 4, 4) == 0)
            put(image + 8, store_second);
        if (memcmp(image, before, size)) {
            rewind(file);
            if (fwrite(image, 1, size, file) != size) {
                perror(argv[i]);
                return 1;
            }
        }
        free(image);
        free(before);
        if (fclose(file)) {
            perror(argv[i]);
            return 1;
        }
    }
    return 0;
}
