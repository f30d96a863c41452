// The epilogue of an output, while it is in a register.

// max(value, 0) if relu, else value; NaN stays NaN.
__device__ inline REAL finish(REAL value, bool relu)
{
    return relu && value < 0 ? REAL(0) : value;
}
