// The outputs of a block along an axis, and the taps that they read.
//
// Output q of a convolution reads the input at  q * step + i * dilation + origin  by tap i.
//
// In the input gradient of a convolution with stride S and dilation D, output i of the convolution
// has read pixel h by tap k if  i * S + k * D = h + before.  So only the taps with
// k * D = a + before (mod S)  read the phase a of pixels  S * q + a.  Their distance is
// apart = S / gcd(S, D), and along q
//
//     gx[S * q + a] = sum over these k of  gy[q + (a + before - k * D) / S] * w[k]
//
// is a convolution of gy with stride 1, dilation D / gcd(S, D) and the taps in reversed order.
// Together the S * S phases take as many multiply-adds as the convolution: none of them multiplies
// a zero between the elements of gy.

struct Axis {
    int count;  // of outputs
    int step, dilation, origin;
    int first, stride;  // output q is written to first + q * stride
    int taps, tap, apart;  // the tap of the first product among all, and its distance from the next
};

__device__ inline Axis whole_axis(int size, int taps, int step, int dilation, int before)
{
    return {size, step, dilation, -before, 0, 1, taps, 0, 1};
}

// Phase `number` of the S of a gradient of `size` pixels. Phases with more taps come first: number r
// below `apart` has the taps r, r + apart... among the K; those after them have none, and are zero.
__device__ inline Axis phase(
    int number, int size, int K, int S, int dilation, int before, int apart)
{
    const int least = number % apart, beside = number / apart;
    const int taps = beside == 0 && least < K ? (K - 1 - least) / apart + 1 : 0;
    const int most = least + (taps - 1) * apart;
    int first = (least * dilation - before + beside) % S;
    first += first < 0 ? S : 0;
    const int count = first < size ? (size - 1 - first) / S + 1 : 0;
    const int origin = taps ? (first + before - most * dilation) / S : 0;
    return {count, 1, dilation / (S / apart), origin, first, S, taps, K - 1 - most, apart};
}

// PHASES: number i of the phases of a gradient, those across first; else the whole plane.
#if PHASES
#define AXIS_H(i) phase((i) / stride_w, OH, KH, stride_h, dilation_h, before_h, apart_h)
#define AXIS_W(i) phase((i) % stride_w, OW, KW, stride_w, dilation_w, before_w, apart_w)
#define COUNT_PHASES (stride_h * stride_w)
#else
#define AXIS_H(i) whole_axis(OH, KH, stride_h, dilation_h, before_h)
#define AXIS_W(i) whole_axis(OW, KW, stride_w, dilation_w, before_w)
#define COUNT_PHASES 1
#endif
