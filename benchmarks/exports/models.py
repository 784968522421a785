"""The models whose exports are trained: eight of PyTorch and torchvision with random weights, and one of Keras."""
import torch
import torchvision
from torch import nn


class Residual(nn.Module):
    """Two convolutions over time, and the way past them."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.first = nn.Conv1d(channels, filters, 7, stride, 3, bias=False)
        self.first_norm = nn.BatchNorm1d(filters)
        self.second = nn.Conv1d(filters, filters, 7, 1, 3, bias=False)
        self.second_norm = nn.BatchNorm1d(filters)
        self.dropout = nn.Dropout(0.2)
        is_same = channels == filters and stride == 1
        past = nn.Sequential(nn.Conv1d(channels, filters, 1, stride, bias=False), nn.BatchNorm1d(filters))
        self.past = nn.Identity() if is_same else past

    def forward(self, x):
        y = self.dropout(torch.relu(self.first_norm(self.first(x))))
        return torch.relu(self.second_norm(self.second(y)) + self.past(x))


class EcgResNet(nn.Module):
    """Twelve leads to five findings."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(12, 32, 15, 2, 7, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.MaxPool1d(3, 2, 1))
        self.blocks = nn.Sequential(Residual(32, 32, 1), Residual(32, 64, 2), Residual(64, 128, 2))
        self.head = nn.Linear(128, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean(-1))


class UNet(nn.Module):
    """Two levels, with group normalisation; up by a transposed convolution, and by interpolation."""

    def __init__(self, width=8, groups=4):
        super().__init__()

        def block(channels, filters):
            layers = [nn.Conv2d(channels, filters, 3, padding=1), nn.GroupNorm(groups, filters), nn.ReLU()]
            layers += [nn.Conv2d(filters, filters, 3, padding=1), nn.GroupNorm(groups, filters), nn.ReLU()]
            return nn.Sequential(*layers)

        self.down1, self.down2, self.bottom = block(1, width), block(width, 2 * width), block(2 * width, 4 * width)
        self.pool = nn.MaxPool2d(2)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.join2 = block(4 * width, 2 * width)
        self.up1 = nn.Upsample(scale_factor=2, mode="bilinear")
        self.join1 = block(3 * width, width)
        self.mask = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        fine = self.down1(x)
        coarse = self.down2(self.pool(fine))
        y = self.join2(torch.cat([coarse, self.up2(self.bottom(self.pool(coarse)))], 1))
        return self.mask(self.join1(torch.cat([fine, self.up1(y)], 1)))


class Vitals(nn.Module):
    """Eight vital signs over a day to one risk."""

    def __init__(self, signs=8, hidden=32, layers=2):
        super().__init__()
        self.lstm = nn.LSTM(signs, hidden, num_layers=layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def vit():
    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 4, "hidden_dim": 32, "mlp_dim": 64}
    return torchvision.models.VisionTransformer(**sizes, num_classes=4)


CE, BCE = "categoricalCrossEntropy", "binaryCrossEntropy"
zoo = torchvision.models

# What makes the model, the extents of one example, how many are in a batch, and the loss.
MODELS = {
    "resnet18": (lambda: zoo.resnet18(num_classes=4), (3, 64, 64), 8, CE),
    "mobilenet_v3_small": (lambda: zoo.mobilenet_v3_small(num_classes=4), (3, 64, 64), 8, CE),
    "densenet121": (lambda: zoo.densenet121(num_classes=4), (3, 64, 64), 8, CE),
    "efficientnet_b0": (lambda: zoo.efficientnet_b0(num_classes=4), (3, 64, 64), 8, CE),
    "unet": (UNet, (1, 64, 64), 8, BCE),
    "ecg_resnet1d": (EcgResNet, (12, 500), 8, CE),
    "lstm_vitals": (Vitals, (24, 8), 32, BCE),
    "vit": (vit, (3, 32, 32), 16, CE),
}


def without_chance(model):
    """Nothing is dropped: a step is then the same for everybody."""
    for part in model.modules():
        if isinstance(part, nn.Dropout | torchvision.ops.StochasticDepth):
            part.p = 0.0
    return model
