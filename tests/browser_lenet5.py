"""A first session in a browser: train LeNet-5 on the digits, save it, load it, compile it.

Prints the accuracy, whether the compiled net agrees, and dtypes of indices. test_browser.py runs it
in a stand-in, the workflow in Pyodide itself.
"""

import minitorch_cnn as mt
from minitorch_cnn.data import DataLoader
from minitorch_cnn.data.datasets import Digits
from minitorch_cnn.models import create_model
from minitorch_cnn.optim import Adam
from minitorch_cnn.training import fit

mt.manual_seed(0)
mt.set_num_threads(4)  # as programs do; one thread works all the same
net = create_model("lenet5")
train, test = (Digits(part, size=32) for part in (True, False))
loaders = DataLoader(train, 64, shuffle=True, num_workers=2), DataLoader(test, 256)
optimizer = Adam(net.parameters(), lr=2e-3)
print(fit(net, *loaders, epochs=3, optimizer=optimizer)[-1]["test_top1"])

mt.save(net.state_dict(), "lenet5.pt")
net.load_state_dict(mt.load("lenet5.pt"))
x = mt.as_tensor(test.images[:4])
print((mt.compile(net.eval())(x) - net(x)).abs().max().item() < 1e-4)
print(mt.tensor([1, 2]).dtype, mt.tensor([2, 1]).argsort().dtype, mt.tensor([0, 1]).nonzero().dtype)
