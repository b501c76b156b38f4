/* A disk that has forgotten, after a power cut, all that was not synchronized.

   Preloaded, it keeps beside the folder DISK_FROM what would be found there if the power were cut:
   after the n-th call of fsync or fdatasync on that folder or a file in it, DISK_TO/n holds
   "names" (lines of inode and name, as they were when the folder was synchronized last) and
   "i<inode>" (a file, as it was when it was synchronized last). The call of number DISK_FAILS_AT
   fails, and what it should have made safe is not kept. DISK_ALL_FAIL: so do all after it. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls = 0;

static void copy(const char *from, const char *to)
{
    char block[65536];
    ssize_t length;
    int source = open(from, O_RDONLY), target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while ((length = read(source, block, sizeof block)) > 0)
        if (write(target, block, length) != length)
            abort();
    close(source);
    close(target);
}

static void list(const char *folder, const char *to)
{
    FILE *names = fopen(to, "w");
    DIR *entries = opendir(folder);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.')
            fprintf(names, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    closedir(entries);
    fclose(names);
}

/* Copy what the state before had into the new one. */
static void inherit(const char *before, const char *now)
{
    char from[2 * PATH_MAX], to[2 * PATH_MAX];
    DIR *entries = opendir(before);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(from, sizeof from, "%s/%s", before, entry->d_name);
        snprintf(to, sizeof to, "%s/%s", now, entry->d_name);
        copy(from, to);
    }
    closedir(entries);
}

static int synchronize(int descriptor, long call)
{
    const char *watched = getenv("DISK_FROM"), *disk = getenv("DISK_TO");
    const char *fails_at = getenv("DISK_FAILS_AT");
    char link[64], path[PATH_MAX], before[PATH_MAX], now[PATH_MAX], to[2 * PATH_MAX];
    struct stat status;

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (watched == NULL || disk == NULL || length < 0)
        return syscall(call, descriptor);
    path[length] = 0;
    if (strncmp(path, watched, strlen(watched)) != 0)
        return syscall(call, descriptor);

    snprintf(before, sizeof before, "%s/%d", disk, calls++);
    snprintf(now, sizeof now, "%s/%d", disk, calls);
    mkdir(now, 0700);
    inherit(before, now);
    int fails = fails_at == NULL ? 0 : atoi(fails_at);
    if (fails != 0 && (calls == fails || (calls > fails && getenv("DISK_ALL_FAIL") != NULL))) {
        errno = EIO;
        return -1;
    }
    fstat(descriptor, &status);
    if (S_ISDIR(status.st_mode)) {
        snprintf(to, sizeof to, "%s/names", now);
        list(path, to);
    } else {
        snprintf(to, sizeof to, "%s/i%lu", now, (unsigned long)status.st_ino);
        copy(path, to);
    }
    return syscall(call, descriptor);
}

int fsync(int descriptor) { return synchronize(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synchronize(descriptor, SYS_fdatasync); }
