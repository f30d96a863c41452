// Where a thread's element lies among planes (rows, columns), one after the other.
//
// 64 bits count the elements, of which there may be more than 2^31; 32 bits divide, which is several
// times as fast.

#ifndef PLANES_H
#define PLANES_H

struct Place {
    long long plane;
    int row, column;
};

// The place of element blockIdx.x * blockDim.x + threadIdx.x, plane = planes where there is none.
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
