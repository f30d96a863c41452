// The epilogue of an output, while it is in a register.

// max(value, 0) if relu, else value; NaN stays NaN.
__device__ inline REAL finish(REAL value, bool relu)
{
    return relu && value < 0 ? REAL(0) : value;
}

// start + parts[0][i] + parts[1][i] + ... in this order.
__device__ inline REAL sum_of_parts(
    const REAL* parts, long long i, int count, long long size, REAL start)
{
    #pragma unroll 8
    for (int part = 0; part < count; part++)
        start += parts[part * size + i];
    return start;
}
