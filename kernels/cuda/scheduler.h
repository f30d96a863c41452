// The interface of the scheduler (scheduler.cpp): for emulated threads, and for a launch.

#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stddef.h>

struct uint3 {
    unsigned x, y, z;
};
typedef uint3 dim3;

extern uint3 threadIdx, blockIdx;  // of the running thread
extern dim3 blockDim, gridDim;

namespace emulator {

struct Place {
    const char *operation, *file;
    int line;
};

struct Slot {  // the value that a lane passes to its warp
    char bytes[24];
};

// Stop the launch; the message names the thread and the line.
[[noreturn]] void fail(Place place, const char* format, ...) __attribute__((format(printf, 2, 3)));
void print(const char* format, ...) __attribute__((format(printf, 1, 2)));

void barrier(Place place);
int lane_of_thread();
const Slot* exchange(Place place, unsigned mask, const void* value, size_t size);  // 32 of them

// Count an access to memory (counters.h), where a launch is profiled.
void note(const void* place, const void* address, int bytes, bool writes, bool atomic = false);

void* dynamic_shared();
void copy_later(Place place, int bytes, void* to, const void* from, bool valid = true);
void commit_copies();
void wait_for_copies(int groups);

// An array argument. With guards, the threads work on a copy between protected pages.
struct Array {
    int argument;  // its index
    char* data;
    size_t bytes;
    const char* name;
    int is_const;
    size_t offset;  // of its data in the memory that was allocated; for a profile
};

struct Launch {
    const char* kernel;
    void (*run)(void** args);  // runs one thread
    void** args;  // the address of an array, or of a value
    unsigned grid[3], block[3];
    size_t shared_bytes;
    char *shared_begin, *shared_end;  // the static shared variables
    int order;                        // 0 forward, 1 backward, 2 shuffled by `seed`
    unsigned seed;
    unsigned long long first_block, last_block;  // the range of blocks to run, along x, y, z
    Array* arrays;
    int array_count, guards, profile;
    char message[1024];  // the error; empty if there was none
    const char* printed;
};

}  // namespace emulator

#endif  // SCHEDULER_H
