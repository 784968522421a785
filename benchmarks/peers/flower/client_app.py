"""One hospital in Flower: trains on its own records, measures the new model on its held-out ones."""

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from heart import SEED, SITES, HeartNet, accuracy, load_site, train

app = ClientApp()


def received_model(message: Message) -> HeartNet:
    model = HeartNet()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    return model


@app.train()
def train_round(message: Message, context: Context) -> Message:
    site = int(context.node_config["partition-id"])
    training, _ = load_site(SITES[site])
    model = received_model(message)
    train(model, training, seed=SEED + 1000 * int(message.content["config"]["server-round"]) + site)
    content = RecordDict(
        {
            "arrays": ArrayRecord(model.state_dict()),
            "metrics": MetricRecord({"num-examples": len(training.target)}),
        }
    )
    return Message(content=content, reply_to=message)


@app.evaluate()
def evaluate_round(message: Message, context: Context) -> Message:
    site = int(context.node_config["partition-id"])
    _, test = load_site(SITES[site])
    metrics = MetricRecord(
        {"num-examples": len(test.target), "accuracy": accuracy(received_model(message), test), "site": site}
    )
    return Message(content=RecordDict({"metrics": metrics}), reply_to=message)
