// Philox4x32-10: random numbers by counters. A thread draws the numbers of one counter.
//
// The key is *keys, or `key` where that is null. Numbers begin `lead` after the first of the counter
// `block`. Set by -D: REAL.

#include "prelude.h"

#define THREADS 256

struct Words {
    unsigned at[4];
};

__device__ inline Words philox(
    unsigned long long block, unsigned long long stream, unsigned long long key)
{
    unsigned c0 = (unsigned)block, c1 = (unsigned)(block >> 32);
    unsigned c2 = (unsigned)stream, c3 = (unsigned)(stream >> 32);
    unsigned first_key = (unsigned)key, second_key = (unsigned)(key >> 32);
    #pragma unroll
    for (int round = 0; round < 10; round++) {
        const unsigned long long a = 0xD2511F53ull * c0, b = 0xCD9E8D57ull * c2;
        c0 = (unsigned)(b >> 32) ^ c1 ^ first_key;
        c1 = (unsigned)b;
        c2 = (unsigned)(a >> 32) ^ c3 ^ second_key;
        c3 = (unsigned)a;
        first_key += 0x9E3779B9u;
        second_key += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// y (n) = make(words of a counter, number of it), for the numbers of `per` in each counter.
template <int per, class T, class Make>
__device__ inline void draw(
    const unsigned long long* keys, T* y, long long n, unsigned long long block, int lead,
    unsigned long long stream, unsigned long long key, Make make)
{
    const long long thread = (long long)blockIdx.x * THREADS + threadIdx.x;
    const long long begin = thread * per - lead;
    if (begin >= n)
        return;
    const Words words = philox(block + thread, stream, keys ? *keys : key);
    #pragma unroll
    for (int i = 0; i < per; i++)
        if (begin + i >= 0 && begin + i < n)
            y[begin + i] = make(words, i);
}

constexpr int PER = 16 / sizeof(REAL);  // numbers of a counter

__device__ inline REAL uniform_of(const Words& words, int i)
{
    if (PER == 4)
        return (REAL)(words.at[i % 4] >> 8) * (REAL)5.9604644775390625e-8;  // 2^-24
    const unsigned high = words.at[2 * i % 4] >> 5, low = words.at[(2 * i + 1) % 4] >> 6;
    return (REAL)((high * 67108864.0 + low) * 1.1102230246251565e-16);  // 2^26, 2^-53
}

// y (n) of the words.
extern "C" __global__ void __launch_bounds__(THREADS) random_bits(
    const unsigned long long* keys, unsigned* y, long long n, unsigned long long block, int lead,
    unsigned long long stream, unsigned long long key)
{
    draw<4>(keys, y, n, block, lead, stream, key, [](const Words& w, int i) { return w.at[i]; });
}

// y (n) in [0, 1).
extern "C" __global__ void __launch_bounds__(THREADS) uniform(
    const unsigned long long* keys, REAL* y, long long n, unsigned long long block, int lead,
    unsigned long long key)
{
    draw<PER>(keys, y, n, block, lead, 0, key, uniform_of);
}

// y (n) of N(0, 1).
extern "C" __global__ void __launch_bounds__(THREADS) normal(
    const unsigned long long* keys, REAL* y, long long n, unsigned long long block, int lead,
    unsigned long long key)
{
    draw<PER>(keys, y, n, block, lead, 0, key, [](const Words& w, int i) {
        const REAL unit = PER == 4 ? (REAL)5.9604644775390625e-8 : (REAL)1.1102230246251565e-16;
        const REAL radius = sqrt(-2 * log(uniform_of(w, i - i % 2) + unit));
        const REAL turns = 2 * uniform_of(w, i - i % 2 + 1);
        return radius * (i % 2 ? sinpi(turns) : cospi(turns));
    });
}

// y (n): whether a uniform number is at least p.
extern "C" __global__ void __launch_bounds__(THREADS) keep_mask(
    const unsigned long long* keys, bool* y, long long n, unsigned long long block, int lead,
    unsigned long long key, float p)
{
    draw<4>(keys, y, n, block, lead, 0, key, [=](const Words& w, int i) {
        return (float)(w.at[i] >> 8) * 5.9604644775390625e-8f >= p;
    });
}
