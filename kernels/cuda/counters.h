// What the warps of a launch do: their memory requests, bank conflicts, atomics and branches.
//
// A text compiled with -fsanitize=thread calls __tsan_read4(address) and the like before each access
// to memory, and with -fsanitize-coverage=trace-pc a function in each basic block; the return
// address is the place in the text. The n-th access of the lanes of a warp at one place is a request
// of the warp, as on a GPU whose lanes have the same path. Included by scheduler.cpp.

#ifndef COUNTERS_H
#define COUNTERS_H

#include <map>
#include <set>
#include <unordered_map>

namespace emulator {

enum Kind { GLOBAL, SHARED_MEMORY, ATOMIC };

// The requests at one place. least: the sectors, or bank cycles, that its bytes need.
struct Counter {
    const void* place;
    int kind, writes;
    unsigned long long requests, bytes, units, least;
};

// Of all blocks: warps' basic blocks and those of their lanes, barriers, and the sectors of 32 bytes
// that the blocks touch, each counted once in a block.
struct Totals {
    unsigned long long warp_steps, lane_steps, barriers, read_sectors, written_sectors;
};

namespace {

struct Access {
    const void* place;
    int warp, lane;
    unsigned occurrence;
    const char* address;
    int bytes, kind, writes;

    bool operator<(const Access& other) const
    {
        return std::tie(place, warp, occurrence, lane)
            < std::tie(other.place, other.warp, other.occurrence, other.lane);
    }
};

bool counting = false;
std::vector<Access> accesses;  // of the running block
std::vector<std::unordered_map<const void*, unsigned>> times;  // of each thread, by place
std::map<const void*, Counter> counters;
Totals totals;

bool within(const char* address, const char* begin, size_t bytes)
{
    return begin <= address && address < begin + bytes;
}

// The address on a GPU, where allocated memory begins with a sector; changed only within arrays.
const char* on_a_gpu(const char* address)
{
    for (int i = 0; i < launch->array_count; i++) {
        const Array& array = launch->arrays[i];
        if (within(address, array.data, array.bytes))
            return address - (size_t)array.data % 32 + array.offset % 32;
    }
    return address;
}

// GLOBAL, SHARED_MEMORY, or -1 for what a GPU keeps in registers.
int kind_of(const char* address)
{
    for (int i = 0; i < launch->array_count; i++)
        if (within(address, launch->arrays[i].data, launch->arrays[i].bytes))
            return GLOBAL;
    if (within(address, dynamic, launch->shared_bytes)
        || (launch->shared_begin <= address && address < launch->shared_end))
        return SHARED_MEMORY;
    for (const uint3* index : {&threadIdx, &blockIdx, &blockDim, &gridDim})
        if (within(address, (const char*)index, sizeof *index))
            return -1;
    if (within(address, (const char*)warps.data(), warps.size() * sizeof(Warp)))
        return -1;  // what a lane passes to another
    const char* here = (const char*)__builtin_frame_address(0);
    return within(address, here - 256 * 1024, 512 * 1024) ? -1 : GLOBAL;
}

void start_counting()
{
    counting = launch->profile;
    counters.clear();
    totals = {};
}

// The cycles of a warp's request to shared memory: words of one bank take one cycle each. Lanes that
// access 16 bytes take turns of 8, of 8 bytes turns of 16.
void add_shared(Counter& counter, const Access* begin, const Access* end)
{
    const int lanes = begin->bytes >= 16 ? 8 : begin->bytes == 8 ? 16 : 32;
    for (int first = 0; first < 32; first += lanes) {
        std::map<size_t, std::set<size_t>> words;
        for (const Access* one = begin; one < end; one++)
            if (one->lane / lanes * lanes == first)
                for (int at = 0; at < one->bytes; at += 4) {
                    const size_t word = ((size_t)one->address + at) / 4;
                    words[word % 32].insert(word);
                }
        size_t cycles = 0;
        for (auto& bank : words)
            cycles = std::max(cycles, bank.second.size());
        counter.units += cycles;
        counter.least += !words.empty();
    }
}

void add_global(Counter& counter, const Access* begin, const Access* end)
{
    std::set<size_t> sectors, starts;
    for (const Access* one = begin; one < end; one++) {
        starts.insert((size_t)one->address);
        for (size_t at = (size_t)one->address / 32; at <= ((size_t)one->address + one->bytes - 1) / 32;
             at++)
            sectors.insert(at);
    }
    counter.units += sectors.size();
    counter.least += (starts.size() * begin->bytes + 31) / 32;
}

// Add the accesses of a block to the counters.
void count_block()
{
    std::sort(accesses.begin(), accesses.end());
    std::set<size_t> touched[2];
    for (size_t i = 0, next; i < accesses.size(); i = next) {
        const Access& one = accesses[i];
        for (next = i; next < accesses.size() && accesses[next].place == one.place
             && accesses[next].warp == one.warp && accesses[next].occurrence == one.occurrence;)
            next++;
        Counter& counter = counters[one.place];
        counter.place = one.place, counter.kind = one.kind, counter.writes = one.writes;
        counter.requests++;
        counter.bytes += (next - i) * one.bytes;
        const Access *begin = accesses.data() + i, *end = accesses.data() + next;
        if (one.kind == SHARED_MEMORY) {
            add_shared(counter, begin, end);
            continue;
        }
        add_global(counter, begin, end);
        for (const Access* each = begin; each < end; each++)
            for (size_t at = (size_t)each->address / 32;
                 at <= ((size_t)each->address + each->bytes - 1) / 32; at++)
                touched[one.writes].insert(at);
    }
    totals.read_sectors += touched[0].size();
    totals.written_sectors += touched[1].size();
    for (size_t first = 0; first < times.size(); first += 32) {
        std::unordered_map<const void*, unsigned> most;
        for (size_t i = first; i < std::min(first + 32, times.size()); i++)
            for (auto& step : times[i]) {
                most[step.first] = std::max(most[step.first], step.second);
                totals.lane_steps += step.second;
            }
        for (auto& step : most)
            totals.warp_steps += step.second;
    }
    accesses.clear();
    times.clear();
}

}  // namespace

// Called by the threads.
void note(const void* place, const void* address, int bytes, bool writes, bool atomic)
{
    if (!counting || current < 0)
        return;
    const int kind = kind_of((const char*)address);
    if (kind < 0)
        return;
    times.resize(threads.size());
    const unsigned occurrence = times[current][place]++;
    const char* at = kind == GLOBAL ? on_a_gpu((const char*)address) : (const char*)address;
    accesses.push_back({place, current / 32, current % 32, occurrence, at, bytes,
                        atomic ? ATOMIC : kind, writes});
}

}  // namespace emulator

extern "C" void __sanitizer_cov_trace_pc()
{
    using namespace emulator;
    if (!counting || current < 0)
        return;
    times.resize(threads.size());
    times[current][__builtin_return_address(0)]++;
}

extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}

#define ACCESS(name, bytes, writes)                                                      \
    extern "C" void __tsan_##name(void* address)                                         \
    {                                                                                    \
        emulator::note(__builtin_return_address(0), address, bytes, writes, false);      \
    }
#define ACCESSES(bytes)                  \
    ACCESS(read##bytes, bytes, false)    \
    ACCESS(write##bytes, bytes, true)    \
    ACCESS(unaligned_read##bytes, bytes, false) \
    ACCESS(unaligned_write##bytes, bytes, true)
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
#undef ACCESSES
#undef ACCESS
extern "C" void __tsan_read_range(void* address, size_t bytes)
{
    emulator::note(__builtin_return_address(0), address, (int)bytes, false, false);
}
extern "C" void __tsan_write_range(void* address, size_t bytes)
{
    emulator::note(__builtin_return_address(0), address, (int)bytes, true, false);
}

// The counters of the last launch; returns how many there are.
extern "C" int emulator_counters(emulator::Counter* out, int most, emulator::Totals* all)
{
    int count = 0;
    for (auto& entry : emulator::counters) {
        if (count < most)
            out[count] = entry.second;
        count++;
    }
    *all = emulator::totals;
    return count;
}

#endif  // COUNTERS_H
