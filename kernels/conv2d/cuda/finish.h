// What is done to an output while it is in a register.

// max(value, 0) with relu, where NaN stays NaN, else the value.
__device__ inline REAL finish(REAL value, bool relu)
{
    return relu && value < 0 ? REAL(0) : value;
}
