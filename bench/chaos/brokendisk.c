/* A disk that fails when it is told to: preloaded into the daemons that `bench chaos` starts, never part of the product.

   The file $CHAOS_DISK says what is wrong with the files below $CHAOS_STATE: absent, nothing; "fsync": fsync and fdatasync answer
   EIO, and what was written since the last good one is gone (Linux drops the pages of a failed write-back); "write": write and pwrite
   answer EIO; "slow": a sync takes 0.3 s. Once something failed there is a file $CHAOS_DISK.failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4096
#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, name))

typedef ssize_t (*writer)(int, const void *, size_t);
typedef ssize_t (*placer)(int, const void *, size_t, off_t);

struct before { /* what a pwrite wrote over, newest first */
    struct before *older;
    off_t offset;
    ssize_t length;
    char bytes[];
};
static struct { char seen, ours; off_t size; struct before *since; } files[FILES]; /* since the last good sync */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether it is a file (or folder) of the daemon's state; found out once for each descriptor. */
static int is_ours(int fd) {
    char link[64], path[PATH_MAX];
    const char *state = getenv("CHAOS_STATE");
    struct stat about;
    int saved = errno;
    if (fd < 0 || fd >= FILES || !state) return 0;
    if (!files[fd].seen) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        files[fd].ours = length > 0 && !strncmp(path, state, strlen(state)) && !fstat(fd, &about) && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode));
        files[fd].size = files[fd].ours ? about.st_size : 0;
        files[fd].seen = 1;
    }
    errno = saved;
    return files[fd].ours;
}

/* The first letter of the order, 0 without one. */
static char what_is_wrong(void) {
    const char *order = getenv("CHAOS_DISK");
    char word = 0;
    int saved = errno, file = order ? open(order, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        if (read(file, &word, 1) != 1) word = 0;
        close(file);
    }
    errno = saved;
    return word;
}

static int fail(void) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s.failed", getenv("CHAOS_DISK"));
    int file = length < (int)sizeof path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file >= 0) close(file);
    errno = EIO;
    return -1;
}

static void forget(int fd) {
    while (files[fd].since) {
        struct before *one = files[fd].since;
        files[fd].since = one->older;
        free(one);
    }
}

static void drop_what_is_not_synced(int fd) {
    for (struct before *one = files[fd].since; one; one = one->older)
        if (NEXT(placer, "pwrite64")(fd, one->bytes, one->length, one->offset) < 0) perror("brokendisk");
    forget(fd);
    if (ftruncate(fd, files[fd].size)) perror("brokendisk");
}

static int sync_with(const char *name, int fd) {
    struct stat about;
    char wrong = is_ours(fd) ? what_is_wrong() : 0;
    if (wrong == 'f') {
        pthread_mutex_lock(&lock);
        if (!fstat(fd, &about) && S_ISREG(about.st_mode)) drop_what_is_not_synced(fd);
        pthread_mutex_unlock(&lock);
        return fail();
    }
    if (wrong == 's') usleep(300000);
    int answer = NEXT(int (*)(int), name)(fd);
    if (!answer && is_ours(fd) && !fstat(fd, &about)) {
        pthread_mutex_lock(&lock);
        files[fd].size = about.st_size;
        forget(fd);
        pthread_mutex_unlock(&lock);
    }
    return answer;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

int close(int fd) {
    static int (*real)(int);
    if (!real) real = NEXT(int (*)(int), "close");
    if (fd >= 0 && fd < FILES && files[fd].seen) {
        forget(fd);
        files[fd].seen = 0;
    }
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    static writer real;
    if (!real) real = NEXT(writer, "write");
    return is_ours(fd) && what_is_wrong() == 'w' ? fail() : real(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) {
    static placer real;
    if (!real) real = NEXT(placer, "pwrite64");
    if (!is_ours(fd)) return real(fd, data, size, offset);
    if (what_is_wrong() == 'w') return fail();
    struct before *one = malloc(sizeof *one + size);
    ssize_t length = one ? pread(fd, one->bytes, size, offset) : -1;
    if (length > 0) {
        *one = (struct before){files[fd].since, offset, length};
        pthread_mutex_lock(&lock);
        files[fd].since = one;
        pthread_mutex_unlock(&lock);
    } else {
        free(one);
    }
    return real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }
