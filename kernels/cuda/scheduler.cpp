// The scheduler of the emulated GPU: fibers for threads, barriers, warps, asynchronous copies.
//
// Blocks run one after the other. In a block, each thread that can run does so until it waits; this
// repeats until all threads have ended or none can continue. In forward and backward order, a warp
// continues as far as possible before the next one starts, so that it exposes missing barriers; in
// shuffled order, all threads of the block advance together. A thread that ends without waiting
// leaves its stack, still in the cache, to the next one.

#include "scheduler.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {
namespace {

// ------------------------------------------------------------------------------------------- stacks

constexpr size_t PAGE = 4096, STACK = 128 * 1024, MOST_THREADS = 1024;
char* stacks;  // consecutive, each with a protected page at its far end

#if defined(__x86_64__)

// A context is a stack pointer; the callee-saved registers are on the stack.
typedef void* Context;
extern "C" void emulator_switch(Context* from, Context to);
asm(R"(
    .text
    .type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

void switch_to(Context* from, Context* to) { emulator_switch(from, *to); }

void prepare(Context* context, char* stack, void (*entry)())
{
    void** top = (void**)(stack + STACK);
    *--top = nullptr;  // where entry would return to; also keeps its frame aligned
    *--top = (void*)entry;
    *context = top - 6;
}

#else

typedef ucontext_t Context;

void switch_to(Context* from, Context* to) { swapcontext(from, to); }

void prepare(Context* context, char* stack, void (*entry)())
{
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
}

#endif

// ------------------------------------------------------------------------------------------ threads

enum State { FRESH, READY, AT_BARRIER, AT_WARP, ENDED };

struct Copy {
    void* to;
    const void* from;
    int bytes;
    bool valid;
};

struct Thread {
    Context context;
    uint3 index;
    State state;
    Place place;  // where it waits
    int stack;
    int exchanges;  // that it took part in
    std::vector<std::vector<Copy>> copies;  // by groups, the last one still open
};

struct Warp {
    Slot slots[2][32];  // in turns: a lane may come to the next exchange before all have read this one
    int arrived, first;
};

Launch* launch;
std::vector<Thread> threads;
std::vector<Warp> warps;
std::vector<int> free_stacks, order;
std::vector<char> shared;
char* dynamic;
std::string printed;
Context scheduler;
int current, at_barrier, first_at_barrier, ended;
sigjmp_buf out;
volatile sig_atomic_t running;

const char* base_name(const char* path)
{
    const char* slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

std::string coordinates(const uint3& i)
{
    char text[64];
    snprintf(text, sizeof text, "(%u, %u, %u)", i.x, i.y, i.z);
    return text;
}

std::string position(const Place& place)
{
    return std::string(place.operation) + " in " + base_name(place.file) + ":"
        + std::to_string(place.line);
}

bool differ(const Place& a, const Place& b)
{
    return a.line != b.line || (a.operation != b.operation && strcmp(a.operation, b.operation))
        || (a.file != b.file && strcmp(a.file, b.file));
}

// Leave the launch from any fiber: none of its fibers runs again.
[[noreturn]] void stop(const std::string& what)
{
    std::string text = std::string(launch->kernel) + ": block " + coordinates(blockIdx);
    if (current >= 0)
        text += ", thread " + coordinates(threads[current].index);
    snprintf(launch->message, sizeof launch->message, "%s: %s", text.c_str(), what.c_str());
    siglongjmp(out, 1);
}

void wait(State state, Place place)
{
    Thread& thread = threads[current];
    thread.state = state;
    thread.place = place;
    switch_to(&thread.context, &scheduler);
}

void live()
{
    launch->run(launch->args);
    Thread& thread = threads[current];
    thread.state = ENDED;
    ended++;
    free_stacks.push_back(thread.stack);
    switch_to(&thread.context, &scheduler);
}

void resume(int number)
{
    Thread& thread = threads[number];
    if (thread.state == FRESH) {
        thread.stack = free_stacks.back();
        free_stacks.pop_back();
        prepare(&thread.context, stacks + thread.stack * (STACK + PAGE) + PAGE, live);
        thread.state = READY;
    }
    current = number;
    threadIdx = thread.index;
    switch_to(&scheduler, &thread.context);
    current = -1;
}

// No thread can continue: report which threads wait for which.
[[noreturn]] void explain()
{
    for (int i = 0; i < (int)threads.size(); i++) {
        if (threads[i].state == ENDED)
            continue;
        const bool in_warp = threads[i].state == AT_WARP;
        const int begin = in_warp ? i / 32 * 32 : 0;
        const int end = in_warp ? begin + 32 : (int)threads.size();
        current = i;
        for (int j = begin; j < end; j++) {
            const std::string waits = "waits at " + position(threads[i].place) + " for ";
            if (j >= (int)threads.size())
                stop(waits + "a full warp, but this one has " + std::to_string(threads.size() - begin)
                     + " threads");
            const std::string other = waits + "thread " + coordinates(threads[j].index);
            if (threads[j].state == ENDED)
                stop(other + ", which has ended");
            if (threads[j].state != threads[i].state)
                stop(other + ", which waits at " + position(threads[j].place));
        }
    }
    stop("no thread can go on");
}

// Whether any of these threads, in their order, could run.
bool run_once(size_t begin, size_t end)
{
    bool moved = false;
    for (size_t i = begin; i < end; i++)
        if (threads[order[i]].state <= READY) {
            resume(order[i]);
            moved = true;
        }
    return moved;
}

void run_block()
{
    const bool side_by_side = launch->order == 2;
    memset(launch->shared_begin, 0xff, launch->shared_end - launch->shared_begin);
    memset(dynamic, 0xff, launch->shared_bytes);
    for (Thread& thread : threads) {
        thread.state = FRESH;
        thread.exchanges = 0;
        if (!thread.copies.empty())
            thread.copies.clear();
    }
    for (Warp& warp : warps)
        warp.arrived = 0;
    at_barrier = ended = 0;
    while (ended < (int)threads.size()) {
        bool moved = false;
        for (size_t begin = 0, end; begin < order.size(); begin = end) {
            end = begin + 1;
            while (end < order.size() && (side_by_side || order[end] / 32 == order[begin] / 32))
                end++;
            while (run_once(begin, end))
                moved = true;
        }
        if (!moved)
            explain();
    }
}

// ---------------------------------------------------------------------------- guards around arrays

struct Guarded {
    char *map, *data;
    size_t bytes;
};
std::vector<Guarded> guarded;

size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

// Copies end at a protected page, except for padding that aligns their beginning to 16 bytes.
void put_up_guards()
{
    for (int i = 0; i < launch->array_count; i++) {
        Array& array = launch->arrays[i];
        const size_t inside = whole_pages(array.bytes + 16);
        char* map = (char*)mmap(nullptr, inside + 2 * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        char* end = map + PAGE + inside;
        char* data = end - (array.bytes + 15) / 16 * 16;
        memset(map + PAGE, 0xff, inside);
        memcpy(data, array.data, array.bytes);
        mprotect(map, PAGE, PROT_NONE);
        mprotect(end, PAGE, PROT_NONE);
        guarded.push_back({map, data, inside + 2 * PAGE});
        std::swap(array.data, guarded.back().data);
        launch->args[array.argument] = array.data;
    }
}

const char* array_with(const char* address, const char** side)
{
    for (int i = 0; i < (int)guarded.size(); i++)
        if (guarded[i].map <= address && address < guarded[i].map + guarded[i].bytes) {
            *side = address < launch->arrays[i].data ? "before" : "after";
            return launch->arrays[i].name;
        }
    return nullptr;
}

void take_guards_down()
{
    for (int i = 0; i < (int)guarded.size(); i++) {
        Array& array = launch->arrays[i];
        const char* begin = guarded[i].map + PAGE;
        const char* end = guarded[i].map + guarded[i].bytes - PAGE;
        bool clean = true;
        for (const char* p = begin; p < end; p++)
            clean &= (array.data <= p && p < array.data + array.bytes) || *p == (char)0xff;
        if (!clean && !*launch->message)
            snprintf(launch->message, sizeof launch->message,
                     "%s: writes beside the array '%s'", launch->kernel, array.name);
        if (!array.is_const)
            memcpy(guarded[i].data, array.data, array.bytes);
        munmap(guarded[i].map, guarded[i].bytes);
    }
    guarded.clear();
}

// ------------------------------------------------------------------------------------------ signals

struct sigaction before[3];
const int SIGNALS[3] = {SIGSEGV, SIGBUS, SIGFPE};
alignas(16) char signal_stack[64 * 1024];
stack_t stack_before;

void on_signal(int number, siginfo_t* info, void*)
{
    if (!running) {  // not of a kernel: as it would have been
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    const char* address = (const char*)info->si_addr;
    const size_t in_stacks = address - stacks;
    if (number == SIGFPE)
        stop("divides an integer by zero");
    if (in_stacks < MOST_THREADS * (STACK + PAGE))
        stop("needs more than 128 KiB of stack");
    char text[160];
    const char *side, *name = array_with(address, &side);
    if (name)
        snprintf(text, sizeof text, "touches memory %s the array '%s'", side, name);
    else
        snprintf(text, sizeof text, "touches address %p, where no array is", (const void*)address);
    stop(text);
}

void catch_signals()
{
    stack_t stack = {};
    stack.ss_sp = signal_stack;
    stack.ss_size = sizeof signal_stack;
    sigaltstack(&stack, &stack_before);
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int i = 0; i < 3; i++)
        sigaction(SIGNALS[i], &action, &before[i]);
}

void leave_signals()
{
    for (int i = 0; i < 3; i++)
        sigaction(SIGNALS[i], &before[i], nullptr);
    sigaltstack(&stack_before, nullptr);
}

// ------------------------------------------------------------------------------------------- launch

void get_ready()
{
    if (!stacks) {
        stacks = (char*)mmap(nullptr, MOST_THREADS * (STACK + PAGE), PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        for (size_t i = 0; i < MOST_THREADS; i++)
            mprotect(stacks + i * (STACK + PAGE), PAGE, PROT_NONE);
    }
    const unsigned* block = launch->block;
    const int count = block[0] * block[1] * block[2];
    blockDim = {block[0], block[1], block[2]};
    gridDim = {launch->grid[0], launch->grid[1], launch->grid[2]};
    threads.resize(count);
    for (int i = 0; i < count; i++)
        threads[i].index = {i % block[0], i / block[0] % block[1], i / block[0] / block[1]};
    warps.resize((count + 31) / 32);
    free_stacks.resize(count);
    std::iota(free_stacks.begin(), free_stacks.end(), 0);
    order.resize(count);
    std::iota(order.begin(), order.end(), 0);
    shared.resize(launch->shared_bytes + 16);
    dynamic = (char*)(((uintptr_t)shared.data() + 15) / 16 * 16);
    printed.clear();
    current = -1;
}

}  // namespace
}  // namespace emulator

#include "counters.h"

namespace emulator {
namespace {

void run_blocks()
{
    std::mt19937 random(launch->seed);
    std::vector<unsigned long long> numbers(launch->last_block - launch->first_block);
    std::iota(numbers.begin(), numbers.end(), launch->first_block);
    if (launch->order == 1) {
        std::reverse(numbers.begin(), numbers.end());
        std::reverse(order.begin(), order.end());
    }
    if (launch->order == 2)
        std::shuffle(numbers.begin(), numbers.end(), random);
    for (unsigned long long number : numbers) {
        if (launch->order == 2)
            std::shuffle(order.begin(), order.end(), random);
        blockIdx = {(unsigned)(number % gridDim.x), (unsigned)(number / gridDim.x % gridDim.y),
                    (unsigned)(number / gridDim.x / gridDim.y)};
        run_block();
        if (launch->profile)
            count_block();
    }
}

}  // namespace

// ------------------------------------------------------------------------- operations of threads

void fail(Place place, const char* format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    stop(position(place) + ": " + text);
}

void print(const char* format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    printed += text;
}

void barrier(Place place)
{
    if (at_barrier == 0)
        totals.barriers++;
    if (at_barrier++ == 0)
        first_at_barrier = current;
    else if (differ(threads[first_at_barrier].place, place))
        stop("comes to " + position(place) + ", but thread "
             + coordinates(threads[first_at_barrier].index) + " waits at "
             + position(threads[first_at_barrier].place));
    if (at_barrier < (int)threads.size())
        return wait(AT_BARRIER, place);
    at_barrier = 0;
    for (Thread& thread : threads)
        thread.state = READY;
}

int lane_of_thread() { return current % 32; }

const Slot* exchange(Place place, unsigned mask, const void* value, size_t size)
{
    if (mask != ~0u)
        stop(position(place) + ": mask 0x" + [&] {
            char text[16];
            snprintf(text, sizeof text, "%08x", mask);
            return std::string(text);
        }() + " must name all 32 lanes");
    Warp& warp = warps[current / 32];
    Thread& thread = threads[current];
    Slot* slots = warp.slots[thread.exchanges++ % 2];
    memcpy(slots[current % 32].bytes, value, size);
    if (warp.arrived++ == 0)
        warp.first = current;
    const Thread& first = threads[warp.first];
    thread.place = place;
    if (differ(first.place, place))
        stop("comes to " + position(place) + ", but thread " + coordinates(first.index)
             + " of its warp waits at " + position(first.place));
    if (warp.arrived < 32) {
        wait(AT_WARP, place);
    } else {
        warp.arrived = 0;
        for (int lane = 0; lane < 32; lane++)
            threads[current / 32 * 32 + lane].state = READY;
    }
    return slots;
}

void* dynamic_shared() { return dynamic; }

void copy_later(Place place, int bytes, void* to, const void* from, bool valid)
{
    char* target = (char*)to;
    if (!(launch->shared_begin <= target && target + bytes <= launch->shared_end)
        && !(dynamic <= target && target + bytes <= dynamic + launch->shared_bytes))
        fail(place, "address %p is not in shared memory", to);
    if ((uintptr_t)to % bytes || (valid && (uintptr_t)from % bytes))
        fail(place, "addresses %p and %p must be multiples of %d", to, from, bytes);
    memset(to, 0xff, bytes);  // no thread may read it before the wait
    auto& copies = threads[current].copies;
    if (copies.empty())
        copies.emplace_back();
    copies.back().push_back({to, from, bytes, valid});
}

void commit_copies()
{
    auto& copies = threads[current].copies;
    if (copies.empty())
        copies.emplace_back();
    copies.emplace_back();
}

void wait_for_copies(int groups)
{
    auto& copies = threads[current].copies;
    const int done = (int)copies.size() - 1 - groups;  // the open group is not waited for
    for (int i = 0; i < done; i++)
        for (const Copy& copy : copies[i]) {
            memset(copy.to, 0, copy.bytes);
            if (copy.valid)
                memcpy(copy.to, copy.from, copy.bytes);
        }
    if (done > 0)
        copies.erase(copies.begin(), copies.begin() + done);
}

}  // namespace emulator

// ------------------------------------------------------------------------ the interface for Python

extern "C" void emulator_launch(emulator::Launch* given)
{
    using namespace emulator;
    launch = given;
    *launch->message = 0;
    get_ready();
    if (launch->guards)
        put_up_guards();
    catch_signals();
    start_counting();
    if (sigsetjmp(out, 1) == 0) {
        running = 1;
        run_blocks();
    }
    running = 0;
    counting = false;
    leave_signals();
    take_guards_down();
    launch->printed = printed.c_str();
}

// ------------------------------------------------- callbacks of the undefined behaviour sanitizer

// The data of every report begins with the place in the source.
struct Report {
    const char* file;
    uint32_t line, column;
};

#define REPORT(name, what)                                            \
    extern "C" void __ubsan_handle_##name##_abort(Report* report)     \
    {                                                                 \
        emulator::fail({what, report->file, (int)report->line},       \
                       "undefined, also on a GPU");                   \
    }
REPORT(out_of_bounds, "index out of bounds")
REPORT(add_overflow, "signed addition overflows")
REPORT(sub_overflow, "signed subtraction overflows")
REPORT(mul_overflow, "signed product overflows")
REPORT(negate_overflow, "signed negation overflows")
REPORT(divrem_overflow, "division by zero or overflow")
REPORT(shift_out_of_bounds, "shift by too many bits")
REPORT(type_mismatch_v1, "null or unaligned pointer")
REPORT(pointer_overflow, "pointer overflows")
REPORT(load_invalid_value, "bool that is neither 0 nor 1")
REPORT(vla_bound_not_positive, "array of no size")
REPORT(nonnull_arg, "null argument")
