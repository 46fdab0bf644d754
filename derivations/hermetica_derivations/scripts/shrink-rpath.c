/* shrink-rpath [-k DIRECTORY]... [--] FILE...

   Drops from the rpath of dynamic programs and libraries every directory in which none of the libraries that they need
   lies, and every one that is neither in the store nor relative to $ORIGIN; -k names directories that stay. Prints
   "missing FILE LIBRARY" for each program that needs a library which no directory has. Files that are not 64-bit
   little-endian ELF are left alone.

   The new rpath takes the place of the old one, right-aligned: linkers let a string be the tail of another, and tails
   stay where they are. Where that would change another string, the rpath stays as it is. */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 256 };
static const char *store = "/hermetica/store/";
static const char *kept_always[MOST];
static int kept_always_count;

struct elf {
    const char *path;
    unsigned char *image;
    size_t size;
    Elf64_Dyn *dynamic, *end, *rpath;
    char *strings;
    size_t strings_size;
    int is_program;
    const char *needed[MOST];
    int needed_count;
};

static void *at_address(struct elf *elf, Elf64_Addr address)
{
    Elf64_Ehdr *header = (void *)elf->image;
    Elf64_Phdr *segment = (void *)(elf->image + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++, segment++)
        if (segment->p_type == PT_LOAD && address >= segment->p_vaddr
            && address < segment->p_vaddr + segment->p_filesz && segment->p_offset + segment->p_filesz <= elf->size)
            return elf->image + segment->p_offset + (address - segment->p_vaddr);
    return NULL;
}

/* Fills in what there is to know; 0 where the file is no dynamic ELF file with an rpath or libraries. */
static int parse(struct elf *elf)
{
    Elf64_Ehdr *header = (void *)elf->image;
    if (elf->size < sizeof *header || memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_ident[EI_CLASS] != ELFCLASS64
        || header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_phoff + header->e_phnum * sizeof(Elf64_Phdr) > elf->size)
        return 0;
    Elf64_Phdr *segment = (void *)(elf->image + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++, segment++) {
        if (segment->p_type == PT_INTERP)
            elf->is_program = 1;
        if (segment->p_type == PT_DYNAMIC && segment->p_offset + segment->p_filesz <= elf->size) {
            elf->dynamic = (void *)(elf->image + segment->p_offset);
            elf->end = elf->dynamic + segment->p_filesz / sizeof(Elf64_Dyn);
        }
    }
    for (Elf64_Dyn *entry = elf->dynamic; entry < elf->end && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_STRTAB)
            elf->strings = at_address(elf, entry->d_un.d_ptr);
        if (entry->d_tag == DT_STRSZ)
            elf->strings_size = entry->d_un.d_val;
        if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH)
            elf->rpath = entry;
    }
    if (!elf->strings)
        return 0;
    for (Elf64_Dyn *entry = elf->dynamic; entry < elf->end && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED && entry->d_un.d_val < elf->strings_size && elf->needed_count < MOST)
            elf->needed[elf->needed_count++] = elf->strings + entry->d_un.d_val;
    return elf->rpath || elf->needed_count;
}

static int has_library(struct elf *elf, const char *directory, const char *library)
{
    char path[PATH_MAX];
    if (strncmp(directory, "$ORIGIN", 7) == 0) {
        int own = strrchr(elf->path, '/') ? strrchr(elf->path, '/') - elf->path : 0;
        snprintf(path, sizeof path, "%.*s%s/%s", own, elf->path, directory + 7, library);
    } else
        snprintf(path, sizeof path, "%s/%s", directory, library);
    return access(path, F_OK) == 0;
}

static int stays_always(const char *directory)
{
    for (int i = 0; i < kept_always_count; i++)
        if (strcmp(kept_always[i], directory) == 0)
            return 1;
    return 0;
}

/* Writes the directories that are of use to ``shrunk``; marks the libraries that are found. */
static void choose(struct elf *elf, char *old, char *shrunk, int *found)
{
    *shrunk = 0;
    for (char *directory = strtok(old, ":"); directory; directory = strtok(NULL, ":")) {
        int is_useful = stays_always(directory);
        if (strncmp(directory, store, strlen(store)) && strncmp(directory, "$ORIGIN", 7))
            continue;
        for (int i = 0; i < elf->needed_count; i++)
            if (!found[i] && has_library(elf, directory, elf->needed[i]))
                is_useful = found[i] = 1;
        if (is_useful)
            sprintf(shrunk + strlen(shrunk), "%s%s", *shrunk ? ":" : "", directory);
    }
}

/* Whether a string that starts at this offset reads the same in both tables. */
static int same(const char *old, const char *new, size_t offset)
{
    return strcmp(old + offset, new + offset) == 0;
}

/* Whether symbols and entries of the dynamic section, the rpath left out, keep their strings. */
static int others_keep(struct elf *elf, const char *new)
{
    Elf64_Ehdr *header = (void *)elf->image;
    for (Elf64_Dyn *entry = elf->dynamic; entry < elf->end && entry->d_tag != DT_NULL; entry++)
        if ((entry->d_tag == DT_NEEDED || entry->d_tag == DT_SONAME) && !same(elf->strings, new, entry->d_un.d_val))
            return 0;
    if (!header->e_shoff || header->e_shoff + header->e_shnum * sizeof(Elf64_Shdr) > elf->size)
        return 0;
    Elf64_Shdr *section = (void *)(elf->image + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++, section++)
        if (section->sh_type == SHT_DYNSYM && section->sh_offset + section->sh_size <= elf->size) {
            Elf64_Sym *symbol = (void *)(elf->image + section->sh_offset);
            for (size_t n = section->sh_size / sizeof *symbol; n; n--, symbol++)
                if (symbol->st_name < elf->strings_size && !same(elf->strings, new, symbol->st_name))
                    return 0;
        }
    return 1;
}

static void replace(struct elf *elf, const char *shrunk)
{
    size_t start = elf->rpath->d_un.d_val, old = strlen(elf->strings + start), length = strlen(shrunk);
    char *new = malloc(elf->strings_size);
    memcpy(new, elf->strings, elf->strings_size);
    memset(new + start, 0, old - length);
    memcpy(new + start + old - length, shrunk, length);
    if (!others_keep(elf, new)) {
        printf("note: the rpath of %s shares its text with other names, so it stays\n", elf->path);
    } else {
        memcpy(elf->strings, new, elf->strings_size);
        elf->rpath->d_un.d_val += old - length;
        if (!length)
            memmove(elf->rpath, elf->rpath + 1, (char *)elf->end - (char *)(elf->rpath + 1));
    }
    free(new);
}

static void shrink(struct elf *elf)
{
    int found[MOST] = {0};
    const char *whole = elf->rpath ? elf->strings + elf->rpath->d_un.d_val : "";
    char *old = strdup(whole), *shrunk = malloc(strlen(whole) + 1);
    choose(elf, old, shrunk, found);
    if (elf->is_program)
        for (int i = 0; i < elf->needed_count; i++)
            if (!found[i] && strncmp(elf->needed[i], store, strlen(store)))
                printf("missing %s %s\n", elf->path, elf->needed[i]);
    if (elf->rpath && strcmp(shrunk, whole))
        replace(elf, shrunk);
    free(old);
    free(shrunk);
}

int main(int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "k:")) == 'k')
        if (kept_always_count < MOST)
            kept_always[kept_always_count++] = optarg;
    for (int i = optind; i < argc; i++) {
        struct elf elf = {.path = argv[i]};
        struct stat status;
        chmod(argv[i], 0755);
        int file = open(argv[i], O_RDWR);
        if (file < 0 || fstat(file, &status)) {
            perror(argv[i]);
            return 1;
        }
        elf.size = status.st_size;
        elf.image = elf.size ? mmap(NULL, elf.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
        if (elf.image != MAP_FAILED) {
            if (parse(&elf))
                shrink(&elf);
            munmap(elf.image, elf.size);
        }
        close(file);
    }
    return 0;
}
