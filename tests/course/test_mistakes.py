"""What one reads who writes a function of a notebook with a usual mistake.

A row is a check, as the notebook calls it; a piece of the solution; what a student writes in its
place; and what the answer has to say. The solution itself is answered with yes.
"""

import re
from functools import cache

import pytest

from minitorch_cnn.kernels.cuda.array import has_compiler

pytest.importorskip("nbformat")

from notebooks import make
from notebooks.sources import cells, without_hints

MISTAKES = {
    "01": [
        ("order(topological", "return done[::-1]", "return done", "the list is reversed"),
        ("order(topological", "elif id(node) not in seen:", "else:", "listed more than once"),
        ("order(topological", "stack.append((node, True))", "stack.insert(0, (node, True))",
         "is listed before one of its children"),
        ("unbroadcast(unbroadcast", "keepdims=True", "keepdims=False", "of length 1 is lost"),
        ("unbroadcast(unbroadcast", "return g.sum(axis=stretched, keepdims=True)", "return g",
         "nothing is summed"),
        ("unbroadcast(unbroadcast", "g = g.sum(axis=", "g = g.mean(axis=", "it is the mean of the"),
        ("product(mul", "g * b.value", "g * a.value", "is made with a itself"),
        ("product(mul", "unbroadcast(g * a.value, b.value.shape)", "g * a.value",
         "b was broadcast"),
        ("product(mul", "g * b.value", "b.value", "leaves g out"),
        ("backward(backward", "g if parent.grad is None else parent.grad + g", "g",
         "= instead of +="),
        ("backward(backward", "node.grad = None", "pass", "adds to the gradients of the first"),
        ("backward(backward", "np.asarray(cotangent, dtype=float)", "np.ones_like(cotangent)",
         "is 1, not the cotangent"),
        ("numeric(numeric_gradient", "/ (2 * h)", "/ h", "it is twice the slope"),
        ("numeric(numeric_gradient", "(f(up) - f(down)) / (2 * h)", "(f(up) - f(x)) / h",
         "the error is of order h"),
        ("numeric(numeric_gradient", "up, down = x.copy(), x.copy()", "up, down = x, x.copy()",
         "x has changed"),
    ],
    "02": [
        ("convolution(loops)", "y[n, o, i, j] +=", "y[n, o, i, j] =", "= instead of +="),
        ("convolution(loops)", "w[o, c, kh, kw]", "w[o, c, kw, kh]", "rows and columns of the"),
        ("convolution(loops)", "w[o, c, kh, kw]", "w[o, c, -1 - kh, -1 - kw]", "is flipped"),
        ("convolution(loops)", "i * stride + kh, j * stride", "i + kh, j", "move by one pixel"),
        ("convolution(loops)", "return y", "return y[:, :, :-1]", "one too small along axis 2"),
        ("convolution(loops)", "return y", "return y[..., :-1, :-1]", "H - K + 1 fit"),
        ("convolution(loops)", "for kh in range(K)", "for kh in range(K - 1)", "is wrong in"),
        ("convolution(loops)", "for c in range(C)", "for c in range(C - 1, C)", "last channel"),
        ("convolution(loops)", "return y", "", "is there no return?"),
        ("convolution(loops)", "i * stride", "(i + 1) * stride", "IndexError"),
        ("convolution(taps)", "y += w", "y[...] = w", "only the last product is kept: sum them"),
        ("convolution(taps)", "w[:, :, kh, kw]", "w[:, :, kw, kh]", "kernel are exchanged"),
        ("convolution(taps)", "kh : kh + OH", "kw : kw + OH", "is wrong in"),
        ("columns(im2col)", "1, 4, 5, 0, 2, 3", "1, 5, 4, 0, 2, 3", "kh comes before kw"),
        ("columns(im2col)", "1, 4, 5, 0, 2, 3", "4, 5, 1, 0, 2, 3", "c, then kh, then kw"),
        ("columns(im2col)", "1, 4, 5, 0, 2, 3", "1, 4, 5, 2, 3, 0", "n, then i, then j"),
        ("columns(im2col)", ".transpose(1, 4, 5, 0, 2, 3)", "", "transpose first"),
        ("columns(im2col)", "reshape(x.shape[1] * K * K, -1)",
         "reshape(x.shape[1] * K * K, -1).T", "is transposed: a window is a column, not a row"),
        ("columns(im2col)", "[:, :, ::stride, ::stride]", "", "columns of stride 1"),
        ("adjoint(col2im)", "target += parts[:, kh, kw].swapaxes(0, 1)",
         "target[...] = parts[:, kh, kw].swapaxes(0, 1)", "= instead of +="),
        ("adjoint(col2im)", "parts[:, kh, kw]", "parts[:, kw, kh]", "kh and kw are exchanged"),
        ("adjoint(col2im)", "gx[:, :, padding : padding + H, padding : padding + W]", "gx",
         "the padding is still there"),
        ("adjoint(col2im)", "gx[:, :, padding : padding + H, padding : padding + W]",
         "gx[:, :, :H, :W]", "at one side only"),
        ("adjoint(col2im)", "target += ", "target -= ", "has the wrong sign"),
        ("winograd(winograd)", "y.transpose(0, 1, 2, 4, 3, 5)", "y", "are not side by side"),
        ("winograd(winograd)", "(g @ w @ g.T)", "(g @ w.swapaxes(2, 3) @ g.T)", "transposed"),
        ("winograd(winograd)", "a.T @ m @ a", "a.T @ m.swapaxes(4, 5) @ a", "are transposed"),
        ("winograd(winograd)", "(b.T @ d @ b)", "(b.T @ d)", "y is wrong in"),
    ],
    "03": [
        ("pooling(max_pool)", "flat.argmax(-1)", "flat.argmin(-1)", "argmax of 2 x 2 windows"),
        ("pooling(max_pool)", "flat.max(-1)", "flat.min(-1)", "is the smallest, not the largest"),
        ("pooling(max_pool)", "flat.max(-1)", "flat.mean(-1)", "is the mean, not the largest"),
        ("pooling(max_pool)", "rows * x.shape[3] + columns", "columns * x.shape[2] + rows",
         "is w H + h"),
        ("pooling(max_pool)", "rows * x.shape[3]", "rows * x.shape[2]", "is h H + w"),
        ("pooling(max_pool)", "rows * x.shape[3]", "rows * flat.shape[3]", "is h OW + w"),
        ("pooling(max_pool)", "rows * x.shape[3] + columns", "inside", "counts inside the window"),
        ("pooling(max_pool)", "flat.argmax(-1)", "K * K - 1 - flat[..., ::-1].argmax(-1)",
         "the last of equal maxima"),
        ("pooling_back(max_pool_back)",
         "np.add.at(gx, (planes, argmax.reshape(N * C, -1)), gy.reshape(N * C, -1))",
         "gx[planes, argmax.reshape(N * C, -1)] += gy.reshape(N * C, -1)", "of the last only"),
        ("pooling_back(max_pool_back)", "gy.reshape(N * C, -1))", "1)", "and omits gy"),
        ("pooling_back(max_pool_back)", "np.arange(N * C)[:, None]", "0 * gy.reshape(N * C, -1)"
         ".astype(int)", "gx of overlapping windows is wrong in"),
        ("normalising(norm)", "x.var(AXES)", "x.var(AXES, ddof=1)", "unbiased variance"),
        ("normalising(norm)", "np.sqrt(var + eps)[WIDE]", "(var + eps)[WIDE]", "not by its root"),
        ("normalising(norm)", "np.sqrt(var + eps)[WIDE]", "(np.sqrt(var) + eps)[WIDE]",
         "eps is added to the root"),
        ("normalising(norm)", "(x - mean[WIDE])", "x", "the mean is not subtracted"),
        ("normalising(norm)", " + bias[WIDE]", "", "the bias is left out"),
        ("normalising(norm)", "weight[WIDE] * xhat", "xhat", "the weight is left out"),
        ("normalising(norm)", "x.mean(AXES), x.var(AXES)", "x.mean(), x.var()", "IndexError"),
        ("normalising_back(norm_back)", " - xhat * gw[WIDE] / count", "", "through the variance"),
        ("normalising_back(norm_back)", "gy - gb[WIDE] / count", "gy", "through the mean"),
        ("normalising_back(norm_back)", "(weight * invstd)[WIDE]", "invstd[WIDE]",
         "gx lacks the weight"),
        ("normalising_back(norm_back)", "gw[WIDE] / count)", "gw[WIDE])", "gx is wrong in"),
        ("normalising_back(norm_back)", "- xhat * gw", "+ xhat * gw", "look at the signs"),
        ("normalising_back(norm_back)", "(gy * xhat).sum(AXES)", "(gy * xhat).mean(AXES)",
         "gw is a mean"),
        ("normalising_back(norm_back)", "(gy * xhat).sum(AXES)", "(gy * x).sum(AXES)",
         "gw uses x instead of x^"),
        ("normalising_back(norm_back)", "return gx, gw, gb", "return gx, gb, gw", "gb is wrong"),
        ("folding(fold)", "w * scale[:, None, None, None]", "w", "the kernel is not scaled"),
        ("folding(fold)", "np.sqrt(var + eps)", "(var + eps)", "not by its root"),
        ("folding(fold)", "bias - mean * scale", "bias", "the bias is that of batch norm alone"),
        ("folding(fold)", "bias - mean * scale", "bias + mean * scale", "look at the sign"),
        ("folding(fold)", "bias - mean * scale", "bias - mean", "mean in the bias is not scaled"),
        ("folding(fold)", "scale[:, None, None, None]", "scale[:3, None, None]", "the kernel is"),
    ],
    "04": [
        ("fans(fans)", "shape[1] * area, shape[0] * area", "shape[0] * area, shape[1] * area",
         "are exchanged"),
        ("fans(fans)", "shape[1] * area, shape[0] * area", "shape[1], shape[0]", "lack the window"),
        ("fans(fans)", "shape[0] * area", "shape[0]", "fan_out lacks the window's area"),
        ("fans(fans)", "shape[2:]", "shape[3:]", "one side of the window"),
        ("deviation(deviation)", "np.sqrt(variance[rule])", "variance[rule]", "take the root"),
        ("deviation(deviation)", "1 / (3 * fan_in)", "1 / fan_in", "is the bound b of U(-b, b)"),
        ("deviation(deviation)", '"he": 2 / fan_in', '"he": 2 / fan_out', "exchanged"),
        ("deviation(deviation)", "2 / (fan_in + fan_out)", "1 / (fan_in + fan_out)", "sum of both"),
        ("deviation(deviation)", '"he": 2', '"he": 1', "'he' is 0.5 times what it should be"),
        ("signals(signals)", "w.T", "w", "so it takes w.T"),
        ("signals(signals)", "activation(x @ w.T)", "x @ w.T", "has no nonlinearity"),
        ("signals(signals)", "outputs = []", "outputs = [x]", "the list begins with x"),
        ("signals(signals)", "x = activation(x @ w.T)\n        outputs.append(x)",
         "outputs.append(activation(x @ w.T))", "layer 2 starts from x again"),
        ("signals(signals)", "return outputs", "return outputs[-1:]", "not the last only"),
        ("gradients(gradients)", "outputs[:0:-1]", "outputs[-2::-1]", "the layer's own output"),
        ("gradients(gradients)", "@ w)", "@ w.T)", "multiplies by w.T"),
        ("gradients(gradients)", "found[-1] * slope(y)", "found[-1]", "no slope"),
        ("gradients(gradients)", "found[::-1]", "found", "first layer first"),
        ("gradients(gradients)", "found[-1] * slope", "gy * slope", "starts from gy again"),
        ("gradients(gradients)", "weights[:0:-1], outputs[:0:-1]", "weights[::-1], outputs[::-1]",
         "3 layers give 3 gradients, not 4: omit that of x"),
        ("dead(dead_share)", "all(0)", "any(0)", "for any sample"),
        ("dead(dead_share)", "all(0)", "all(1)", "nothing but zeros"),
        ("dead(dead_share)", ".all(0)", "", "the share of zeros"),
        ("dead(dead_share)", ".mean()", ".sum()", "their number"),
        ("elu(elu)", "np.expm1(np.minimum(a, 0))", "np.exp(np.minimum(a, 0))", "subtract 1"),
        ("elu(elu)", "np.expm1(np.minimum(a, 0))", "np.expm1(a)", "e^800 overflows"),
        ("elu(elu)", "a > 0", "a < 0", "cases are exchanged"),
        ("elu(elu)", "np.expm1(np.minimum(a, 0))", "0", "that is a ReLU"),
    ],
    "05": [
        ("output_size(output_size)", "+ 1", "", "the first window counts, too"),
        ("output_size(output_size)", "2 * P", "P", "one end only"),
        ("output_size(output_size)", "//", "/", "not a whole number"),
        ("output_size(output_size)", "(n + 2 * P - K) // S + 1", "-(-(n + 2 * P - K) // S) + 1",
         "round down"),
        ("convolution(convolution)", "weights + filters", "weights", "lack the biases"),
        ("convolution(convolution)", "weights + filters", "weights + 1", "one bias for all"),
        ("convolution(convolution)", "weights * positions", "weights * n * n", "at the input's"),
        ("convolution(convolution)", "filters * positions", "positions", "those of one map"),
        ("convolution(convolution)", " ** 2", "", "one side only"),
        ("convolution(convolution)", "c_in * K * K", "K * K", "lack the input's channels"),
        ("convolution(convolution)", "weights * positions", "(weights + filters) * positions",
         "count the biases, which are free"),
        ("linear(linear)", "inputs * outputs + outputs", "inputs * outputs", "lack the biases"),
        ("linear(linear)", "inputs * outputs + outputs", "inputs * outputs + inputs", "each input"),
        ("linear(linear)", "return outputs,", "return inputs,", "those of the input"),
        ("linear(linear)", ", inputs * outputs\n", ", inputs * outputs + outputs\n", "are free"),
        ("table(table)", "c * n * n, settings[0]", "c, settings[0]", "pixels"),
        ("table(table)", "c, n = settings[0], output_size(n, *settings[1:])",
         "c = settings[0]", "that the layer before left?"),
        ("table(table)", "c, n = settings[0], 1", "c = settings[0]", "outputs of the layer before"),
        ("errata(wrong_claims)", "> 0.02", "< 0.02", "these are the correct claims"),
        ("errata(wrong_claims)", "abs(slides[name] / counted[name] - 1)",
         "slides[name] / counted[name] - 1", "too small"),
        ("errata(wrong_claims)", "> 0.02", "> 0", "is right up to rounding"),
        ("errata(wrong_claims)", "> 0.02", "> 0.1", "wrong claims are not in the list"),
    ],
    "06": [
        ("field(field)", "k - 1", "k", "adds K for each layer"),
        ("field(field)", "1 + sum", "sum", "the field lacks its first pixel"),
        ("field(field)", "1 + sum(k - 1 for k in kernels)", "sum(kernels)", "windows overlap"),
        ("field(field)", "1 + sum(k - 1 for k in kernels)", "kernels[-1]", "is that of the last"),
        ("macs(macs)", "sum(c * o", "max(c * o", "most expensive layer alone"),
        ("macs(macs)", "height * width", "height * height", "height for both sides"),
        ("macs(macs)", "c * o * height", "o * height", "the cost lacks the input channels"),
        ("macs(macs)", "height * width", "(height + width)", "height + width"),
        ("pointwise(pointwise)", "w @ x", "w[:, ::-1] @ x", "in reverse order"),
        ("pointwise(pointwise)", "reshape(N, len(w), H, W)", "reshape(N, len(w), W, H)",
         "axes are in another order"),
        ("pointwise(pointwise)", "w @ x", "w.T @ x", "ValueError: matmul"),
        ("module(inception)", "F.relu(F.conv2d(x, w[\"3x3 reduce\"]))",
         "F.conv2d(x, w[\"3x3 reduce\"])", "the output is wrong in"),
        ("module(inception)", "dim=1", "dim=0", "RuntimeError: cat"),
        ("module(inception)", "[one, three, five, pool]", "[one, five, three, pool]",
         "another order: 1x1, 3x3, 5x5, pool"),
        ("module(inception)", "F.max_pool2d(x, 3, 1, 1)", "x", "no maximum before its 1 x 1"),
        ("module(inception)", "[one, three, five, pool]", "[one, three, five]", "14 maps"),
        ("averaging(global_average)", "mean", "sum", "divide by the number of pixels"),
        ("averaging(global_average)", "mean((2, 3))", "amax((2, 3))", "is the maximum"),
        ("averaging(global_average)", "(2, 3)", "(1, 2)", "TypeError|has shape"),
        ("averaging(global_average)", "(2, 3)", "(2, 3), keepdim=True", "without axes of length 1"),
    ],
    "07": [
        ("block(residual)", "F.relu(branch(x) + shortcut(x))", "F.relu(branch(x)) + shortcut(x)",
         "joins after the ReLU"),
        ("block(residual)", "F.relu(branch(x) + shortcut(x))", "branch(x) + shortcut(x)",
         "no ReLU after the sum"),
        ("block(residual)", "shortcut(x)", "x", "x is added instead of shortcut(x)"),
        ("block(residual)", "+ shortcut", "- shortcut", "is subtracted"),
        ("shortcut(shortcut_a)", "::stride, ::stride", "::stride, :", "in another"
         "|should have"),
        ("shortcut(shortcut_a)", "(0, 0, 0, 0, 0, out_channels - x.shape[1])",
         "(0, 0, 0, 0, out_channels - x.shape[1], 0)", "come first"),
        ("shortcut(shortcut_a)", "::stride, ::stride", "stride - 1 :: stride, stride - 1 :: stride",
         "has shape|second pixel|is wrong"),
        ("shortcut(shortcut_a)", "out_channels - x.shape[1])", "out_channels)", "channels: add"),
        ("shortcut(shortcut_a)", "x = x[:, :, ::stride, ::stride]", "", "keeps its size"),
        ("paths(path_counts)", "range(n)", "range(n - 1)", "numbers, not"),
        ("paths(path_counts)", "[0, *counts], [*counts, 0]", "[*counts, 0], [*counts, 0]",
         "are wrong|is wrong|passed|times"),
        ("paths(path_counts)", "return counts", "return [1] * (n + 1)", "several have one length"),
        ("survival(survival)", "np.arange(1, blocks + 1)", "np.arange(blocks)", "counts l from 0"),
        ("survival(survival)", "np.arange(1, blocks + 1)", "np.arange(blocks, 0, -1)", "reversed"),
        ("survival(survival)", "(1 - last)", "last", "falls by p instead of 1 - p"),
        ("survival(survival)", "return 1 - ", "return ", "is the probability of dropping a block"),
        ("highway(highway)", "t * h + (1 - t) * x", "t * x + (1 - t) * h", "should pass h, not x"),
        ("highway(highway)", "(1 - t) * x", "x", "the input is not gated"),
        ("highway(highway)", "(1 - t)", "t", "one opens as the other closes"),
    ],
    "08": [
        ("direction(direction)", "if p.ndim > 1:", "if True:", "should not move"),
        ("direction(direction)", "d *= np.sqrt", "d /= np.sqrt", "the filters of 0.weight"),
        ("direction(direction)", "(axes, keepdims=True) / (d**2).sum(axes, keepdims=True)",
         "() / (d**2).sum()", "TypeError|not filter by filter|lengths"),
        ("direction(direction)", "d *= np.sqrt(", "d *= (", "the filters of 0.weight"),
        ("direction(direction)", "(w**2).sum(axes, keepdims=True) / ", "1 / ", "have length 1"),
        ("direction(direction)", "rng.standard_normal", "np.random.default_rng(0)"
         ".standard_normal", "two generators give the same direction"),
        ("line(loss_along)", "p.array = w\n", "pass\n", "restore them"),
        ("line(loss_along)", "(w + step * d)", "(p.array + step * d)", "where the last one ended"),
        ("line(loss_along)", "w + step", "w - step", "the steps have the wrong sign"),
        ("line(loss_along)", "mt.tensor(labels))", "mt.tensor(labels), reduction='sum')",
         "is a sum over the images"),
        ("rescaling(rescale)", "running_mean.mul_(factor)", "running_mean.mul_(1)",
         "the running mean has not changed"),
        ("rescaling(rescale)", "factor**2", "factor", "grows with the square of the factor"),
        ("rescaling(rescale)", "module.weight.mul_(factor)", "module.weight.add_(factor)", "added"),
    ],
    "09": [
        ("grouped(grouped)", "dim=1", "dim=0", "joined along the batch"),
        ("grouped(grouped)", "F.conv2d(part, kernel", "F.conv2d(xs[0], kernel", "first channels"),
        ("grouped(grouped)", "padding=1", "padding=0", "is not padded"),
        ("grouped(grouped)", "for part, kernel in pairs", "for part, kernel in list(pairs)[::-1]",
         "groups in reverse order"),
        ("costs(macs)", "(c // groups)", "c", "is not divided by the groups"),
        ("costs(macs)", "o * (c", "o // groups * (c", "is that of one group"),
        ("costs(macs)", "k * k", "k", "one side of the window"),
        ("branches(branches)", "total = total + F.conv2d(y, c)", "total = F.conv2d(y, c)",
         "only the last branch is left: total = instead of +="),
        ("branches(branches)", "y = F.relu(F.conv2d(x, a))", "y = F.conv2d(x, a)",
         "no ReLU after the first"),
        ("branches(branches)", "F.relu(F.conv2d(y, b, padding=1))", "F.conv2d(y, b, padding=1)",
         "no ReLU after the 3 x 3"),
        ("branches(branches)", "w3.chunk(groups, 1)", "w3.chunk(groups, 0)", "Error"),
        ("branches(branches)", "return total", "return total / groups", "are averaged"),
        ("shuffle(shuffle)", ".transpose(1, 2)", "", "transpose between"),
        ("shuffle(shuffle)", "groups, C // groups", "C // groups, groups", "the inverse shuffle"),
        ("shuffle(shuffle)", ".transpose(1, 2)", ".flip(1).transpose(1, 2)", "with the last group"),
        ("gate(excite)", "x.mean((2, 3))", "x.mean((0, 2, 3)).reshape(1, -1)", "batch as a whole"),
        ("gate(excite)", "x.mean((2, 3))", "x.sum((2, 3))", "instead of averaged"),
        ("gate(excite)", "F.sigmoid(hidden @ w2.T + b2)", "hidden @ w2.T + b2", "no sigmoid"),
        ("gate(excite)", "F.relu(x.mean((2, 3)) @ w1.T + b1)", "x.mean((2, 3)) @ w1.T + b1",
         "no ReLU between"),
        ("gate(excite)", "return x * gates.reshape(*gates.shape, 1, 1)", "return gates",
         "these are the gates: multiply x by them"),
    ],
    "10": [
        ("activation_map(activation_map)", "weights[:, None, None]", "weights", "columns"),
        ("activation_map(activation_map)", "weights[:, None, None]", "weights[:, None]", "rows"),
        ("activation_map(activation_map)", ".sum(0)", ".mean(0)", "is a mean over the channels"),
        ("activation_map(activation_map)", ".sum(0)", ".sum(1)", "sums rows instead"),
        ("box(bright_box)", "rows, columns = np", "columns, rows = np", "columns are exchanged|rows"
         " and columns"),
        ("box(bright_box)", "columns.max() + 1, rows.max() + 1", "columns.max(), rows.max()",
         "one too small"),
        ("box(bright_box)", "threshold * heat.max()", "threshold", "threshold as a value"),
        ("box(bright_box)", ">=", ">", "equal the threshold"),
        ("overlap(overlap)", "max(width, 0) * max(height, 0)", "width * height", "disjoint"),
        ("overlap(overlap)", "(areas - shared)", "areas", "twice in the union"),
        ("overlap(overlap)", "shared / (areas - shared)", "shared", "divide by the union"),
        ("overlap(overlap)", "max(a[0], b[0])", "max(a[0], b[0]) + 1",
         "the overlap of (0, 0, 4, 4) and (2, 2, 6, 6)"),
        ("rules(through_relu)", "gy * (y > 0)", "gy * y", "multiplied by y"),
        ("rules(through_relu)", "np.maximum(gy, 0) * (y > 0)", "np.maximum(gy, 0)",
         "is that of rule 'deconvolution'"),
        ("rules(through_relu)", "return gy * (y > 0)", "return gy", "always passes gy"),
        ("rules(through_relu)", "return gy * (y > 0)", "return gy * (y >= 0)", "always passes gy"),
        ("climbing(climb)", "x + rate", "x - rate", "goes down"),
        ("climbing(climb)", " / np.linalg.norm(gx)", "", "not normalised to length 1"),
        ("climbing(climb)", "(1 - decay) * (x + rate * gx / np.linalg.norm(gx))",
         "(1 - decay) * x + rate * gx / np.linalg.norm(gx)", "before the step"),
        ("climbing(climb)", "(1 - decay)", "decay", "shrinks to decay"),
    ],
    "11": [
        ("policy(softmax)", "e / e.sum()", "e", "not divided by their sum"),
        ("policy(softmax)", "theta - theta.max()", "theta", "e^1000 overflows"),
        ("policy(softmax)", "e.sum()", "e.max()", "not divided by their sum"),
        ("policy(softmax)", "theta - theta.max()", "theta.min() - theta", "look at the sign"),
        ("score(score)", "np.eye(len(theta))[a] - softmax(theta)",
         "softmax(theta) - np.eye(len(theta))[a]", "wrong sign"),
        ("score(score)", " - softmax(theta)", "", "lacks the probabilities"),
        ("score(score)", "[a] - softmax(theta)", "[a - 1] - softmax(theta)", "previous answer"),
        ("score(score)", "np.eye(len(theta))[a] - softmax(theta)",
         "softmax(theta)[a] * (np.eye(len(theta))[a] - softmax(theta))", "not of log P"),
        ("step(reinforce)", "theta + lr", "theta - lr", "step down"),
        ("step(reinforce)", "(r - baseline)", "r", "the baseline is left out"),
        ("step(reinforce)", "np.mean([", "np.sum([", "instead of averaged"),
        ("step(reinforce)", ", axis=0)", ")", "has a mean of its own"),
        ("step(reinforce)", "lr * up", "up", "the learning rate is left out"),
        ("count(count)", "np.prod(sizes)", "np.sum(sizes)", "is a sum"),
        ("count(count)", "np.prod(sizes)", "np.prod(sizes[:-1])", "lacks the last question"),
        ("count(count)", "int(np.prod(sizes))", "len(sizes)", "it is the number of questions"),
        ("search(search)", "method.tell(sequences, found)", "pass", "never told"),
        ("search(search)", "tell(sequences, found)", "tell(sequences, found[::-1])",
         "sequences and rewards do not match"),
        ("search(search)", "return rewards", "return found", "the last batch's only"),
        ("search(search)", "min(method.batch, budget - len(rewards))", "budget", "its batch of 4"),
        ("search(search)", "tell(sequences, found)", "tell(sequences, rewards + found)",
         "does each batch begin new lists"),
    ],
    "12": [
        ("convolution(naive)", "sum +=", "sum =", "sum = instead of +="),
        ("convolution(naive)", "a * 3 + b", "b * 3 + a", "rows and columns of the kernel"),
        ("convolution(naive)", "a * 3 + b", "8 - a * 3 - b", "the kernel flipped"),
        ("convolution(naive)", "a < 3; a++)\n        for (int b = 0; b < 3",
         "a < 2; a++)\n        for (int b = 0; b < 2", "four of nine"),
        ("convolution(naive)", "H - 2 ||", "H - 3 ||", "are NaN, the first at (34, 0)"),
        ("convolution(naive)", "float sum = 0;", "float sum;\n    summ = 0;",
         "line 7 of the kernel does not compile: 'summ' was not declared|line 7 of the kernel"),
        ("convolution(naive)", 'return """', '_ = """', "is there no return?"),
        ("segments(segments)", "np.unique(addresses // 128)", "np.unique(addresses)",
         "counts addresses"),
        ("segments(segments)", "addresses // 128", "(addresses - addresses[0]) // 128",
         "from the first address"),
        ("segments(segments)", "// 128", "// 32", "pieces of 32 bytes"),
        ("tiled(tiled)", "__syncthreads();", "", "NaN"),
        ("tiled(tiled)", "k < (TILE + 2) * (TILE + 2); k += TILE * TILE",
         "k < TILE * TILE; k += TILE * TILE", "NaN"),
        ("tiled(tiled)", "tile[threadIdx.y + a][threadIdx.x + b]",
         "LOAD(x, (i + a) * W + j + b)", "read more than once?"),
        ("tiled(tiled)", "sum += tile", "sum = tile", "sum = instead of +="),
        ("transpose(transposed)", "TILE + PAD", "TILE", "16.5 times the cycles that it needs"),
        ("transpose(transposed)", "__syncthreads();", "", "is NaN at (0, 1): not written, or made"),
        ("transpose(transposed)", "= tile[threadIdx.x][threadIdx.y]",
         "= tile[threadIdx.y][threadIdx.x]", "each tile in its place, but none is transposed"),
        ("transpose(transposed)", "y[i * H + j] =", "y[i * H + j] = 2 *", "is 2 times what it"),
        ("transpose(transposed)", "i < W && j < H", "i < W", "touches memory after the array 'y'"),
        ("transpose(transposed)", """    __shared__ float tile[TILE][TILE + PAD];
    const int top = blockIdx.y * TILE, left = blockIdx.x * TILE;
    int i = top + threadIdx.y, j = left + threadIdx.x;
    if (i < H && j < W)
        tile[threadIdx.y][threadIdx.x] = x[i * W + j];
    __syncthreads();
    i = left + threadIdx.y;
    j = top + threadIdx.x;
    if (i < W && j < H)
        y[i * H + j] = tile[threadIdx.x][threadIdx.y];
""", """    const int i = blockIdx.y * TILE + threadIdx.y, j = blockIdx.x * TILE + threadIdx.x;
    if (i < H && j < W)
        y[j * H + i] = x[i * W + j];
""", "4.5 times the sectors that they need, most in"),
        ("reduction(reduction)", "__syncthreads();", "", "read before it is written"),
        ("reduction(reduction)", "half > 0", "half > 1", "lack some of the halves"),
        ("reduction(reduction)", "int half = 64", "int half = 32", "of 128 threads it is 64"),
        ("reduction(reduction)", "blockIdx.x * N + k", "k", "those of the first row"),
        ("reduction(reduction)", "sum += LOAD", "sum = LOAD", "the sums, with threads run"),
        ("roofline(attainable)", "min(", "max(", "the larger of both limits"),
        ("roofline(attainable)", "min(peak, intensity * bandwidth)", "intensity * bandwidth",
         "no more than the peak"),
        ("roofline(attainable)", "intensity * bandwidth", "bandwidth / intensity",
         "bandwidth / intensity"),
    ],
    "13": [
        ("reading(alone)", "reads == 1", "reads >= 1", "is read 2 times: the answer is False"),
        ("reading(alone)", " and name not in [value.name for value in graph.outputs]", "",
         "is a result: whoever called the net reads it"),
        ("reading(alone)", "node.inputs.count(name)", "(name in node.inputs)",
         "is read twice by one node"),
        ("reading(alone)", "return reads", "reads", "is there no return?"),
        ("folding(fold)", "(b - mean) * scale", "b * scale", "the mean is left out"),
        ("folding(fold)", "b - mean", "b + mean", "the mean is added"),
        ("folding(fold)", "scale + beta", "scale", "lacks that of the batch norm"),
        ("folding(fold)", "gamma /", "1 /", "lacks the batch norm's weight"),
        ("folding(fold)", 'var + node.get("epsilon")', "var", "eps is left out"),
        ("folding(fold)", 'np.sqrt(var + node.get("epsilon"))', '(var + node.get("epsilon"))',
         "by the variance, not by its root"),
        ("folding(fold)", "(b - mean) * scale + beta", "beta - mean * scale",
         "own bias is lost"),
        ("folding(fold)", "(b - mean) * scale", "b - mean * scale", "own bias is not scaled"),
        ("folding(fold)", "kernel = w *", "w *= 2; kernel = w / 2 *",
         "it changes the graph or the weights that it was given"),
        ("fusing(fuse)", '"activation": "Relu"', '"activation": ""', "the ReLUs are lost"),
        ("fusing(fuse)", 'elif node.operator == "Add" and not rectified and not z',
         'elif node.operator == "Add" and not z', "an addition behind a ReLU"),
        ("fusing(fuse)", "inputs=(x, w, b, z)", "inputs=(x, w, b)", "what was added is lost"),
        ("fusing(fuse)", 'node.operator == "Add"', 'node.operator == "Sum"',
         "4 additions and 2 ReLUs are left: 2 and 1 must be"),
        ("fusing(fuse)", "node.inputs[1] if node.inputs[0] == name else node.inputs[0]",
         "node.inputs[0]", "which no node before it makes"),
        ("living(lives)", "if name in found:",
         "if name in found and found[name][1] == found[name][0]:", "that of the first reader"),
        ("living(lives)", "len(graph.nodes)", "found[value.name][1]", "the results die early"),
        ("living(lives)", "if name in found:\n                found[name] = found[name][0]",
         "if 1:\n                found[name] = found.get(name, [step])[0]",
         "is no value that a node makes"),
        ("living(lives)", "return found", "found", "returns None"),
        ("planning(plan)", "<= last and first <=", "< last and first <",
         "what a step reads must not be where it writes"),
        ("planning(plan)", "if meets and", "if", "the largest first, each as low as it fits"),
        ("planning(plan)", "max(at, offsets[other] + sizes[other])", "offsets[other]", "overlap"),
        ("blocks(to_blocks)", ".transpose(0, 1, 3, 4, 2)", "", "come before its pixels"),
        ("blocks(to_blocks)", "lanes, H, W).transpose(0, 1, 3, 4, 2)", "H, W, lanes)",
         "the axes were not moved"),
        ("blocks(to_blocks)", "count, lanes, H, W).transpose(0, 1, 3, 4, 2)",
         "lanes, count, H, W).transpose(0, 2, 3, 4, 1)", "not neighbours"),
        ("blocks(to_blocks)", "0, 1, 3, 4, 2", "0, 1, 4, 3, 2", "rows and columns"),
    ],
    "14": [
        ("ring(all_reduce)", "ranks] = receive()", "ranks] += receive()", "it is not added"),
        ("ring(all_reduce)", "send(chunks[(rank - step) % ranks])", "send(chunks[rank])",
         "is wrong in"),
        ("ring(all_reduce)", "(rank - step + 1)", "(rank - step)", "chunks that are none"),
        ("ring(all_reduce)", "send(chunks[(rank - step) % ranks])", "",
         "waits for a message that nobody sends"),
        ("ring(all_reduce)", "return chunks", "", "is there no return?"),
        ("bucket_order(buckets)", "reversed(range(len(sizes)))", "range(len(sizes))",
         "of the last parameter comes first"),
        ("bucket_order(buckets)", ">= cap", "> cap", "could be sent before its last"),
        ("bucket_order(buckets)", "return [*found, bucket] if bucket else found", "return found",
         "every parameter has to be in one bucket"),
        ("bucket_order(buckets)", "sum(sizes[j] for j in bucket) >= cap", "True",
         "is sent before it has the size"),
        ("joined(joined)", "(counts * means).sum() / total", "means.mean()", "mean of the means"),
        ("joined(joined)", "variances + (means - mean) ** 2", "variances",
         "means of the parts differ"),
        ("joined(joined)", "variances + (means - mean) ** 2", "(means - mean) ** 2",
         "within the parts"),
        ("overlap(spans)", "max(at, free)", "at", "share the wire"),
        ("overlap(spans)", "max(at, free)", "free", "leaves before it is full"),
        ("overlap(spans)", "free = start + duration", "free = start", "lasts 0 s"),
    ],
    "15": [
        ("decoding(decode)", "(1 + f) * 2.0", "f * 2.0", "leading 1 is missing"),
        ("decoding(decode)", "(stored - bias)", "(stored - bias - 1)", "off by one"),
        ("decoding(decode)", "f * 2.0 ** (1 - bias)", "usual", "without the leading 1"),
        ("decoding(decode)", "** (1 - bias)", "** (-bias)", "with the exponent of 1"),
        ("decoding(decode)", "f * 2.0 ** (1 - bias)", "0.0", "fraction * 2 ** (1 - bias)"),
        ("decoding(decode)", "return sign * ", "return ", "infinity has a sign"),
        ("decoding(decode)", "beyond, value", "value, value", "should be NaN"),
        ("decoding(decode)", "np.where(f == 0, np.inf, np.nan)", "np.inf", "should be NaN"),
        ("rounding(rounded)", "np.rint(x / step)", "np.trunc(x / step)", "cut, not rounded"),
        ("rounding(rounded)", "np.rint(x / step)",
         "np.sign(x) * np.floor(abs(x) / step + 0.5)", "not away from 0"),
        ("rounding(rounded)", "np.rint(x / step)",
         "np.sign(x) * np.ceil(abs(x) / step - 0.5)", "not to 0"),
        ("rounding(rounded)", "np.maximum(power, 1 - bias)", "power", "does not fall for ever"),
        ("rounding(rounded)", "y = np.rint(x / step) * step",
         "y = np.where(power < 1 - bias, 0, np.rint(x / step) * step)", "keep its step"),
        ("rounding(rounded)", "- fraction)", "- fraction + 1)", "is wrong in"),
        ("rounding(rounded)", "np.rint(x / step)", "np.rint(abs(x) / step)", "sign is lost"),
        ("adding(compensated)", "lost = sent - (new - total)", "lost = np.float16(0)",
         "like the plain one"),
        ("adding(compensated)", "value + lost", "value - lost", "the sum is"),
        ("adding(compensated)", "sent - (new - total)", "(new - total) - sent", "the sum is"),
        ("adding(compensated)", "sent = value + lost", "sent = np.float64(value + lost)",
         "should be a number of float16"),
        ("adding(compensated)", "total = new", "total = sent", "the sum is"),
        ("unscaling(unscaled)", "g.astype(np.float32) / np.float32(scale)",
         "(g / np.float16(scale)).astype(np.float32)", "divided in 16 bits"),
        ("unscaling(unscaled)", "/ np.float32(scale)", "* np.float32(scale)", "is multiplied by"),
        ("unscaling(unscaled)", " / np.float32(scale)", "", "still multiplied by"),
        ("unscaling(unscaled)", "np.float32(scale)", "np.float64(scale)", "should be of float32"),
        ("unscaling(unscaled)", "for g in found)", "for g in found[:1])", "gradient 1 holds inf"),
        ("unscaling(unscaled)", "np.isfinite(g).all()", "(~np.isnan(g)).all()", "holds inf"),
        ("unscaling(unscaled)", "np.isfinite(g).all()", "(~np.isinf(g)).all()", "holds nan"),
        ("adapting(adapted)", "scale / 2, 0", "scale / 2, calm", "with an interval of"),
        ("adapting(adapted)", "(scale * 2, 0)", "(scale * 2, calm)", "with an interval of"),
        ("adapting(adapted)", "scale / 2, 0", "scale, 0", "after an overflow"),
        ("adapting(adapted)", "calm == interval", "calm > interval", "with an interval of 3"),
        ("adapting(adapted)", "(scale, calm)", "scale", "should return two numbers"),
    ],
}  # fmt: skip
ROWS = [(number, *row) for number, rows in MISTAKES.items() for row in rows]


@cache
def solved(number):
    """The code cells that students write in and the checks, with the solutions."""
    (path,) = (path for path in make.sources() if path.stem.startswith(number))
    found = cells(path.read_text(encoding="utf-8"))
    see = next(i for i, at in enumerate(found) if re.search("^## See", at.text, re.MULTILINE))
    return [without_hints(cell.text) for cell in found[:see] if cell.kind == "code"]


def without_checks(text):
    return re.sub(r"^check\..*$", "", text, flags=re.MULTILINE)


@cache
def names(number):
    """What these cells define, with every check left out."""
    defined = {"__name__": f"notebook {number}"}
    for text in solved(number):
        exec(without_checks(text), defined)
    return defined


def answer_to(number, check, old, new, capsys):
    """What a check of a cell prints if a piece of the solution is written otherwise.

    The cells that define what the check calls are run again, so that they call the mistake.
    """
    function = re.search(r"\w+\((\w+)", check).group(1)
    pattern = rf"^check\.{re.escape(check)}.*$"
    (asked,) = (
        found for text in solved(number) for found in re.findall(pattern, text, re.MULTILINE)
    )
    (at,) = (i for i, text in enumerate(solved(number)) if f"def {function}(" in text)
    text = solved(number)[at]
    begin = text.index("\n", text.index("# begin", text.index(f"def {function}(")))
    assert old in text[begin:], f"{old!r} is not in the solution of {function}"
    text = text[:begin] + text[begin:].replace(old, new, 1)
    defined = dict(names(number))
    defined["__name__"] = "mistaken"
    exec(without_checks(text), defined)
    capsys.readouterr()
    exec(asked, defined)
    return capsys.readouterr().out


@pytest.mark.parametrize("number, check, old, new, said", ROWS)
def test_a_mistake_is_told_by_its_cause(number, check, old, new, said, capsys):
    if number == "12" and not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    answer = answer_to(number, check, old, new, capsys)
    assert answer.startswith("no: ")
    assert any(part in answer for part in said.split("|")), answer
    assert len(answer) < 500


def test_every_check_of_a_function_is_tried_with_three_mistakes():
    tried = {(number, row[0].split("(")[0]) for number, rows in MISTAKES.items() for row in rows}
    for number in MISTAKES:
        checks = set(re.findall(r"^check\.(\w+)\(", "\n".join(solved(number)), re.MULTILINE))
        assert checks == {name for at, name in tried if at == number}
        for name in checks:
            assert sum(row[0].startswith(f"{name}(") for row in MISTAKES[number]) >= 3, name


@pytest.mark.parametrize("number, check", sorted({(number, row[0]) for number, *row in ROWS}))
def test_the_solution_is_right(number, check, capsys):
    if number == "12" and not has_compiler():
        pytest.skip("the emulator needs g++ on Linux")
    assert answer_to(number, check, "", "", capsys).startswith("yes: ")
