/* redirect-path FILE ROOM OLD NEW [OLD NEW]...

   Makes a shared library use other paths than those it was compiled with, longer ones too. A new path is written where
   the library has a text that nobody needs, the one that starts with ROOM; then every instruction that loads the
   address of the old path (x86-64: lea register, [rip + offset]) is pointed there. Fails where a path is not there
   exactly once, or no instruction loads it: a library that is built in another way is not left half changed. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *image;
static size_t size;

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "redirect-path: %s: %s\n", what, detail);
    exit(1);
}

/* Where the image has these bytes, exactly once. */
static size_t find(const void *bytes, size_t length, const char *name)
{
    unsigned char *first = memmem(image, size, bytes, length);
    if (!first)
        fail("not in the library", name);
    if (memmem(first + 1, size - (first + 1 - image), bytes, length))
        fail("more than once in the library", name);
    return first - image;
}

/* Where a whole string is: between two zeros. */
static size_t find_string(const char *string)
{
    size_t length = strlen(string);
    char *framed = calloc(1, length + 2);
    memcpy(framed + 1, string, length);
    size_t found = find(framed, length + 2, string) + 1;
    free(framed);
    return found;
}

/* Points the instructions from one address to another; returns how many there were. */
static int repoint(size_t from, size_t to)
{
    const Elf64_Ehdr *header = (void *)image;
    const Elf64_Phdr *segment = (void *)(image + header->e_phoff);
    int count = 0;
    for (int i = 0; i < header->e_phnum; i++, segment++) {
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
            continue;
        if (segment->p_vaddr != segment->p_offset)
            fail("addresses are not places in the file", "segment");
        if (!(segment->p_flags & PF_X))
            continue;
        size_t end = segment->p_offset + segment->p_filesz;
        for (size_t at = segment->p_offset; at + 7 <= end; at++) {
            int distance;
            if ((image[at] != 0x48 && image[at] != 0x4c) || image[at + 1] != 0x8d || (image[at + 2] & 0xc7) != 0x05)
                continue;
            memcpy(&distance, image + at + 3, 4);
            if (at + 7 + distance != from)
                continue;
            distance = to - (at + 7);
            memcpy(image + at + 3, &distance, 4);
            count++;
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc % 2 == 0)
        fail("usage", "redirect-path FILE ROOM OLD NEW [OLD NEW]...");
    FILE *file = fopen(argv[1], "r+b");
    if (!file || fseek(file, 0, SEEK_END))
        fail("cannot be read", argv[1]);
    size = ftell(file);
    image = malloc(size + 1);
    rewind(file);
    if (fread(image, 1, size, file) != size)
        fail("cannot be read", argv[1]);
    image[size] = 0;
    size_t room = find(argv[2], strlen(argv[2]), argv[2]);
    size_t room_end = room + strlen((char *)image + room);
    for (int i = 3; i < argc; i += 2) {
        size_t old = find_string(argv[i]), length = strlen(argv[i + 1]) + 1;
        if (room + length > room_end)
            fail("no room", argv[i + 1]);
        memcpy(image + room, argv[i + 1], length);
        if (!repoint(old, room))
            fail("no instruction loads the path", argv[i]);
        room += length;
    }
    memset(image + room, 0, room_end - room);
    rewind(file);
    if (fwrite(image, 1, size, file) != size || fclose(file))
        fail("cannot be written", argv[1]);
    return 0;
}
