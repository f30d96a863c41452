// The position of a thread's element in consecutive planes (rows, columns).
//
// Indices of elements have 64 bits, since there may be more than 2^31; divisions use 32 bits, which
// is several times as fast.

#ifndef PLANES_H
#define PLANES_H

struct Place {
    long long plane;
    int row, column;
};

// The position of element blockIdx.x * blockDim.x + threadIdx.x; plane = planes if it is beyond the
// last one.
__device__ inline Place locate(long long planes, int rows, int columns)
{
    const long long first = (long long)blockIdx.x * blockDim.x;
    const int size = rows * columns;
    const long long plane = first >> 31 ? first / size : (int)first / size;
    const unsigned rest = (unsigned)(first - plane * size) + threadIdx.x;
    Place place = {plane + rest / size, (int)(rest % size / columns), (int)(rest % size % columns)};
    if (place.plane > planes)
        place.plane = planes;
    return place;
}

#endif
