/* Compresses its input to its output with zlib; with -d, back; with -v, says which zlib it runs on. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { CHUNK = 1 << 16 };

static int fail(const char *what)
{
    fprintf(stderr, "zpipe: %s\n", what);
    return 1;
}

static int run(int (*step)(z_stream *, int), z_stream *stream)
{
    static unsigned char in[CHUNK], out[CHUNK];
    int status = Z_OK;

    while (status != Z_STREAM_END) {
        stream->next_in = in;
        stream->avail_in = (uInt)fread(in, 1, CHUNK, stdin);
        if (ferror(stdin))
            return fail("cannot read");
        int flush = feof(stdin) ? Z_FINISH : Z_NO_FLUSH;
        do {
            stream->next_out = out;
            stream->avail_out = CHUNK;
            status = step(stream, flush);
            if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
                return fail("the input is no zlib stream");
            size_t have = CHUNK - stream->avail_out;
            if (fwrite(out, 1, have, stdout) != have)
                return fail("cannot write");
        } while (stream->avail_out == 0);
        if (flush == Z_FINISH && status != Z_STREAM_END)
            return fail("the input ends too early");
    }
    return fflush(stdout) ? fail("cannot write") : 0;
}

int main(int argc, char **argv)
{
    z_stream stream;

    memset(&stream, 0, sizeof stream);
    if (argc == 2 && !strcmp(argv[1], "-v"))
        return printf("zpipe with zlib %s\n", zlibVersion()) < 0;
    if (argc == 2 && !strcmp(argv[1], "-d"))
        return inflateInit(&stream) == Z_OK ? run(inflate, &stream) : fail("no memory");
    if (argc != 1)
        return fail("usage: zpipe [-d | -v]");
    return deflateInit(&stream, Z_BEST_COMPRESSION) == Z_OK ? run(deflate, &stream) : fail("no memory");
}
