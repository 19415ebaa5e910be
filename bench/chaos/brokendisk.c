/* A disk that fails when it is told to: preloaded into the daemons that `bench chaos` starts, never part of the product.

   The file $CHAOS_DISK says what is wrong with the files below $CHAOS_STATE: absent, nothing; "fsync": fsync and fdatasync answer
   EIO, and what was written since the last good one is gone (Linux drops the pages of a failed write-back); "write": write answers EIO;
   "slow": a sync takes 0.3 s. Once something failed there is a file $CHAOS_DISK.failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 4096
static off_t synced[FILES]; /* size at the last good sync, plus one; 0: not known */

static char what_is_wrong(int fd) {
    const char *order = getenv("CHAOS_DISK"), *state = getenv("CHAOS_STATE");
    char path[PATH_MAX], link[64], word = 0;
    int saved = errno, file;
    struct stat about;
    if (!order || !state || access(order, R_OK)) {
        errno = saved;
        return 0;
    }
    strcpy(link, "/proc/self/fd/");
    char digits[16];
    int at = 0, number = fd;
    do digits[at++] = '0' + number % 10; while (number /= 10);
    char *end = link + strlen(link);
    while (at) *end++ = digits[--at];
    *end = 0;
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0 && !fstat(fd, &about) && (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))) {
        path[length] = 0;
        if (!strncmp(path, state, strlen(state)) && (file = open(order, O_RDONLY | O_CLOEXEC)) >= 0) {
            if (read(file, &word, 1) != 1) word = 0;
            close(file);
        }
    }
    errno = saved;
    return word;
}

static void say_that_it_failed(void) {
    char path[PATH_MAX];
    const char *order = getenv("CHAOS_DISK");
    if (strlen(order) + 8 < sizeof path) {
        strcat(strcpy(path, order), ".failed");
        int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (file >= 0) close(file);
    }
    errno = EIO;
}

static int sync_with(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct stat about;
    char wrong = what_is_wrong(fd);
    if (wrong == 'f') {
        if (fd < FILES && synced[fd] && ftruncate(fd, synced[fd] - 1)) {}
        say_that_it_failed();
        return -1;
    }
    if (wrong == 's') usleep(300000);
    int answer = real(fd);
    if (!answer && fd < FILES && !fstat(fd, &about) && S_ISREG(about.st_mode)) synced[fd] = about.st_size + 1;
    return answer;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

int close(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    if (fd >= 0 && fd < FILES) synced[fd] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    if (what_is_wrong(fd) == 'w') {
        say_that_it_failed();
        return -1;
    }
    return real(fd, data, size);
}
