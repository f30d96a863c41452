// The header of every .cu text: a common language for NVRTC, nvcc and the emulator.
//
// REAL is float or double, set by -D. On a GPU, each function below is one or two instructions; the
// functions of emulator.h have the same results and refuse the same arguments.

#ifndef PRELUDE_H
#define PRELUDE_H

#ifndef REAL
#define REAL float
#endif

#ifndef __CUDACC__
#include <emulator.h>
#else

// SHARED(float, tile): the dynamic shared memory of the launch as an array `tile`; once per kernel.
#define SHARED(type, name)                                    \
    extern __shared__ __align__(16) unsigned char shared_[]; \
    type* name = reinterpret_cast<type*>(shared_)

#ifdef __CUDACC_RTC__
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#endif

// Four elements at once. The address must be a multiple of 16 bytes.
struct __align__(16) Four {
    double x, y, z, w;
};

__device__ __forceinline__ float4 ld4(const float* p)
{
    return *reinterpret_cast<const float4*>(p);
}

__device__ __forceinline__ void st4(float* p, float4 v)
{
    *reinterpret_cast<float4*>(p) = v;
}

// Two at once. The address must be a multiple of 8 bytes.
__device__ __forceinline__ void st2(float* p, float2 v)
{
    *reinterpret_cast<float2*>(p) = v;
}

__device__ __forceinline__ Four ld4(const double* p)
{
    const double2 low = reinterpret_cast<const double2*>(p)[0];
    const double2 high = reinterpret_cast<const double2*>(p)[1];
    return {low.x, low.y, high.x, high.y};
}

__device__ __forceinline__ void st4(double* p, Four v)
{
    reinterpret_cast<double2*>(p)[0] = make_double2(v.x, v.y);
    reinterpret_cast<double2*>(p)[1] = make_double2(v.z, v.w);
}

#if __CUDA_ARCH__ >= 800

// Round to 8 bits of exponent and 10 of fraction, ties away from zero: the bits for mma_tf32.
__device__ __forceinline__ unsigned to_tf32(float x)
{
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// d += a * b with a (16, 8), b (8, 8), d (16, 8) distributed over the 32 lanes of a warp. With
// g = lane / 4 and t = lane % 4, a lane holds
//     a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4],      b[t][g], b[t + 4][g],
//     d[g][2t], d[g][2t + 1], d[g + 8][2t], d[g + 8][2t + 1].
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2])
{
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Four matrices of 8 x 4 floats in shared memory. Lane l passes the address of row l % 8 of matrix
// l / 8, a multiple of 16 bytes, and gets the bits of element [l / 4][l % 4] of each: the fragments
// of mma_tf32.
__device__ __forceinline__ void ldmatrix4(unsigned (&words)[4], const float* row)
{
    const unsigned address = (unsigned)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(address) : "memory");
}

// Asynchronous copies of 16 or 4 bytes from global to shared memory; zeros, without reading the
// address, where `valid` is false. A commit closes a group of copies; cp_async_wait<n>() waits for
// all groups of this thread except the last n. Other threads see the copies after a __syncthreads()
// that follows the wait.
__device__ __forceinline__ void cp_async16(void* to, const void* from, bool valid = true)
{
    const unsigned address = (unsigned)__cvta_generic_to_shared(to);
    asm volatile("{ .reg .pred ignored; setp.eq.u32 ignored, %2, 0;"
                 "cp.async.cg.shared.global [%0], [%1], 16, ignored; }"
                 :: "r"(address), "l"(from), "r"((unsigned)valid) : "memory");
}

__device__ __forceinline__ void cp_async4(void* to, const void* from, bool valid = true)
{
    const unsigned address = (unsigned)__cvta_generic_to_shared(to);
    asm volatile("{ .reg .pred ignored; setp.eq.u32 ignored, %2, 0;"
                 "cp.async.ca.shared.global [%0], [%1], 4, ignored; }"
                 :: "r"(address), "l"(from), "r"((unsigned)valid) : "memory");
}

__device__ __forceinline__ void cp_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int groups>
__device__ __forceinline__ void cp_async_wait()
{
    asm volatile("cp.async.wait_group %0;" :: "n"(groups) : "memory");
}

#endif  // __CUDA_ARCH__ >= 800
#endif  // __CUDACC__
#endif  // PRELUDE_H
