// CUDA's language for a C++ compiler: the constructs of a .cu text, implemented by scheduler.h.
//
// Every thread is a fiber with its own stack. It runs until it waits for others, at a barrier or at
// an operation of its warp; then another thread runs. No two threads run at once. So shared memory
// is a static variable, and an atomic operation is an ordinary one. A thread sees the writes of
// others before the last barrier; where a barrier is missing, it sees those that the order of the
// threads happens to put first.

#ifndef EMULATOR_H
#define EMULATOR_H

#include <math.h>
#include <string.h>

#include "scheduler.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __launch_bounds__(...)
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
// All shared variables are in one section, which is refilled for every block.
#define __shared__ static __attribute__((section("shared")))
#define SHARED(type, name) type* name = (type*)emulator::dynamic_shared()

#define warpSize 32
#define HERE(operation) (emulator::Place{operation, __FILE__, __LINE__})

#define __syncthreads() emulator::barrier(HERE("__syncthreads"))
#define __syncwarp(...) emulator::sync_warp(HERE("__syncwarp"), ##__VA_ARGS__)
#define __shfl_sync(...) emulator::shuffle(HERE("__shfl_sync"), emulator::INDEXED, __VA_ARGS__)
#define __shfl_up_sync(...) emulator::shuffle(HERE("__shfl_up_sync"), emulator::UP, __VA_ARGS__)
#define __shfl_down_sync(...) emulator::shuffle(HERE("__shfl_down_sync"), emulator::DOWN, __VA_ARGS__)
#define __shfl_xor_sync(...) emulator::shuffle(HERE("__shfl_xor_sync"), emulator::XOR, __VA_ARGS__)
#define __ballot_sync(mask, ...) emulator::ballot(HERE("__ballot_sync"), mask, __VA_ARGS__)
#define __any_sync(mask, ...) (emulator::ballot(HERE("__any_sync"), mask, __VA_ARGS__) != 0)
#define __all_sync(mask, ...) (emulator::ballot(HERE("__all_sync"), mask, __VA_ARGS__) == ~0u)
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)
#define assert(...) ((__VA_ARGS__) ? (void)0 : emulator::fail(HERE("assert(" #__VA_ARGS__ ")"), "it does not hold"))
#define printf(...) emulator::print(__VA_ARGS__)
#define ld4(...) emulator::load4(HERE("ld4"), __VA_ARGS__)
#define st4(...) emulator::store4(HERE("st4"), __VA_ARGS__)
#define st2(...) emulator::store2(HERE("st2"), __VA_ARGS__)
#define mma_tf32(...) emulator::multiply(HERE("mma_tf32"), __VA_ARGS__)
#define ldmatrix4(...) emulator::load_matrices(HERE("ldmatrix4"), __VA_ARGS__)
#define cp_async16(...) emulator::copy_counted(HERE("cp_async16"), 16, __VA_ARGS__)
#define cp_async4(...) emulator::copy_counted(HERE("cp_async4"), 4, __VA_ARGS__)
#define cp_async_commit() emulator::commit_copies()

template <int groups>
inline void cp_async_wait()
{
    emulator::wait_for_copies(groups);
}

// ------------------------------------------------------------------------------------ small vectors

#define VECTORS(type, name, bytes)                                               \
    struct alignas(2 * bytes) name##2 { type x, y; };                            \
    struct alignas(4 * bytes > 16 ? 16 : 4 * bytes) name##4 { type x, y, z, w; }; \
    inline name##2 make_##name##2(type x, type y) { return {x, y}; }             \
    inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
VECTORS(float, float, 4)
VECTORS(double, double, 8)
VECTORS(int, int, 4)
VECTORS(unsigned, uint, 4)
VECTORS(unsigned char, uchar, 1)
#undef VECTORS
typedef double4 Four;

// -------------------------------------------------------------------------------------- arithmetic

template <class A, class B>
inline auto max(A a, B b) -> decltype(true ? A() : B()) { return a > b || b != b ? a : b; }
template <class A, class B>
inline auto min(A a, B b) -> decltype(true ? A() : B()) { return a < b || b != b ? a : b; }

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float rsqrt(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline double sinpi(double x) { return sin(3.141592653589793 * x); }
inline double cospi(double x) { return cos(3.141592653589793 * x); }
inline float sinpi(float x) { return (float)sinpi((double)x); }
inline float cospi(float x) { return (float)cospi((double)x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __fdividef(float x, float y) { return x / y; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
template <class T>
inline T __ldg(const T* p) { return *p; }

template <class To, class From>
inline To same_bits(From from)
{
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float x) { return same_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
inline float __int_as_float(int x) { return same_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return same_bits<float>(x); }

#define ATOMIC_FUNCTION \
    __attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage)) inline
#define ATOMIC(name, type, after)              \
    ATOMIC_FUNCTION type name(type* p, type value) \
    {                                          \
        emulator::note(__builtin_return_address(0), p, sizeof *p, true, true); \
        const type old = *p;                   \
        *p = after;                            \
        return old;                            \
    }
#define ATOMICS(type)                                     \
    ATOMIC(atomicAdd, type, old + value)                  \
    ATOMIC(atomicMax, type, old < value ? value : old)    \
    ATOMIC(atomicMin, type, value < old ? value : old)    \
    ATOMIC(atomicExch, type, value)                       \
    ATOMIC_FUNCTION type atomicCAS(type* p, type expected, type value) \
    {                                                     \
        emulator::note(__builtin_return_address(0), p, sizeof *p, true, true); \
        const type old = *p;                              \
        *p = old == expected ? value : old;               \
        return old;                                       \
    }
ATOMICS(int)
ATOMICS(unsigned)
ATOMICS(unsigned long long)
ATOMIC(atomicAdd, float, old + value)
ATOMIC(atomicAdd, double, old + value)
ATOMIC(atomicExch, float, value)
#undef ATOMICS
#undef ATOMIC
#undef ATOMIC_FUNCTION

// Round to 8 bits of exponent and 10 of fraction, ties away from zero: the bits for mma_tf32.
inline unsigned to_tf32(float x)
{
    const unsigned bits = same_bits<unsigned>(x);
    return isfinite(x) ? (bits + 0x1000) & ~0x1fffu : bits;
}

// -------------------------------------------------------------- operations that are PTX on a GPU

namespace emulator {

enum Direction { INDEXED, UP, DOWN, XOR };

inline void sync_warp(Place place, unsigned mask = ~0u)
{
    const int nothing = 0;
    exchange(place, mask, &nothing, sizeof nothing);
}

template <class T>
T shuffle(Place place, Direction direction, unsigned mask, T value, int by, int width = 32)
{
    const int lane = lane_of_thread(), first = lane & ~(width - 1);
    int source = lane;
    if (direction == INDEXED)
        source = first + (by & (width - 1));
    else if (direction == UP)
        source = lane - by < first ? lane : lane - by;
    else if (direction == DOWN)
        source = lane + by >= first + width ? lane : lane + by;
    else
        source = (lane ^ by) >= first + width ? lane : lane ^ by;
    const Slot* slots = exchange(place, mask, &value, sizeof value);
    memcpy(&value, slots[source].bytes, sizeof value);
    return value;
}

inline unsigned ballot(Place place, unsigned mask, int vote)
{
    const Slot* slots = exchange(place, mask, &vote, sizeof vote);
    unsigned votes = 0;
    for (int lane = 0; lane < 32; lane++) {
        memcpy(&vote, slots[lane].bytes, sizeof vote);
        votes |= (unsigned)(vote != 0) << lane;
    }
    return votes;
}

// The place of a request is that of the caller, so these functions are not part of it.
#define NOT_COUNTED __attribute__((noinline, no_sanitize("thread"), no_sanitize_coverage))
#define NOTE(p, bytes, writes) note(__builtin_return_address(0), p, bytes, writes)

inline void check_alignment(Place place, const void* p, int bytes = 16)
{
    if ((size_t)p % bytes)
        fail(place, "address %p is not a multiple of %d", p, bytes);
}

NOT_COUNTED inline float4 load4(Place place, const float* p)
{
    check_alignment(place, p);
    NOTE(p, 16, false);
    return {p[0], p[1], p[2], p[3]};
}

NOT_COUNTED inline Four load4(Place place, const double* p)
{
    check_alignment(place, p);
    NOTE(p, 32, false);
    return {p[0], p[1], p[2], p[3]};
}

NOT_COUNTED inline void store4(Place place, float* p, float4 v)
{
    check_alignment(place, p);
    NOTE(p, 16, true);
    p[0] = v.x, p[1] = v.y, p[2] = v.z, p[3] = v.w;
}

NOT_COUNTED inline void store4(Place place, double* p, Four v)
{
    check_alignment(place, p);
    NOTE(p, 32, true);
    p[0] = v.x, p[1] = v.y, p[2] = v.z, p[3] = v.w;
}

NOT_COUNTED inline void store2(Place place, float* p, float2 v)
{
    check_alignment(place, p, 8);
    NOTE(p, 8, true);
    p[0] = v.x, p[1] = v.y;
}

// A copy reads global memory and writes shared memory, at places told apart by one byte.
NOT_COUNTED inline void copy_counted(
    Place place, int bytes, void* to, const void* from, bool valid = true)
{
    const char* here = (const char*)__builtin_return_address(0);
    if (valid)
        note(here, from, bytes, false);
    note(here - 1, to, bytes, true);
    copy_later(place, bytes, to, from, valid);
}

// prelude.h documents the layout of the operands. The instruction ignores the lower 13 bits of a
// and b; the order in which it adds eight products is undocumented.
inline void multiply(Place place, float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    unsigned own[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
    for (unsigned& word : own)
        word &= ~0x1fffu;
    const Slot* slots = exchange(place, ~0u, own, sizeof own);
    const int g = lane_of_thread() / 4, t = lane_of_thread() % 4;
    for (int i = 0; i < 4; i++) {
        const int row = g + i / 2 * 8, column = 2 * t + i % 2;
        for (int k = 0; k < 8; k++) {
            float left, right;
            memcpy(&left, slots[row % 8 * 4 + k % 4].bytes + 4 * (row / 8 + k / 4 * 2), 4);
            memcpy(&right, slots[column * 4 + k % 4].bytes + 4 * (4 + k / 4), 4);
            d[i] += left * right;
        }
    }
}

// Each lane reads its row at the same time as the others, and passes it on.
NOT_COUNTED inline void load_matrices(Place place, unsigned (&words)[4], const float* row)
{
    check_alignment(place, row);
    NOTE(row, 16, false);
    const Slot* slots = exchange(place, ~0u, row, 16);
    const int lane = lane_of_thread();
    for (int i = 0; i < 4; i++)
        memcpy(&words[i], slots[8 * i + lane / 4].bytes + lane % 4 * 4, 4);
}

}  // namespace emulator

#endif  // EMULATOR_H
