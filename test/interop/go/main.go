// Scenarios through the Go client of RocketMQ, rocketmq-client-go/v2: each on topics and groups of its own, all at once.
// Prints one line of JSON for each when it ends: {"scenario", "ok", "ms", "detail"}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var (
	nameServers = primitive.NewPassthroughResolver([]string{os.Args[1]})
	brokerAddr  = os.Args[2]
)

// Longer than the client's own rebalance period of 20 s.
const patience = 60 * time.Second

type scenario struct {
	name string
	run  func() error
}

var scenarios = []scenario{
	{"sends: sync, async, one-way and batches arrive", sends},
	{"tags: only the subscribed ones arrive", tags},
	{"order: a hash of the key, consumed in order", order},
	{"retry: what failed comes again, and its attempts are counted", retry},
	{"dead letters: what fails too often is kept aside", deadLetters},
	{"rebalance: two share the queues, one takes over", rebalance},
	{"broadcasting: each consumer gets everything", broadcasting},
	{"delay: a message of level 2 comes after five seconds", delay},
	{"pull: a pull consumer reads and commits", pull},
	{"admin: topics are created, listed and deleted", administer},
}

func main() {
	rlog.SetLogLevel("error")
	var all sync.WaitGroup
	var printing sync.Mutex
	for _, one := range scenarios {
		all.Add(1)
		go func() {
			defer all.Done()
			start := time.Now()
			err := guarded(one.run)
			detail := ""
			if err != nil {
				detail = err.Error()
			}
			line, _ := json.Marshal(map[string]any{
				"scenario": one.name, "ok": err == nil, "ms": time.Since(start).Milliseconds(), "detail": detail,
			})
			printing.Lock()
			fmt.Println(string(line))
			printing.Unlock()
		}()
	}
	all.Wait()
}

func guarded(run func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return run()
}

func createTopic(topic string, queues int) error {
	tool, err := admin.NewAdmin(admin.WithResolver(nameServers))
	if err != nil {
		return err
	}
	defer tool.Close()
	return tool.CreateTopic(context.Background(), admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(brokerAddr),
		admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues))
}

func newProducer(name string, options ...producer.Option) (rocketmq.Producer, error) {
	made, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNsResolver(nameServers), producer.WithGroupName("go-" + name), producer.WithInstanceName("p-" + name),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	return made, made.Start()
}

type handler func(context.Context, *primitive.MessageExt) consumer.ConsumeResult

func newConsumer(group, instance, topic, tag string, handle handler, options ...consumer.Option) (rocketmq.PushConsumer, error) {
	made, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNsResolver(nameServers), consumer.WithGroupName("go-" + group), consumer.WithInstance(instance),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset), consumer.WithConsumeMessageBatchMaxSize(1),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: tag}
	err = made.Subscribe(topic, selector, func(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, message := range messages {
			if result := handle(ctx, message); result != consumer.ConsumeSuccess {
				return result, nil
			}
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return nil, err
	}
	return made, made.Start()
}

// What consumers saw, by body: how often.
type seen struct {
	sync.Mutex
	counts map[string]int
}

func newSeen() *seen { return &seen{counts: map[string]int{}} }

func (s *seen) add(message *primitive.MessageExt) {
	s.Lock()
	defer s.Unlock()
	s.counts[string(message.Body)]++
}

func (s *seen) distinct() int {
	s.Lock()
	defer s.Unlock()
	return len(s.counts)
}

func (s *seen) waitFor(count int) error {
	return until(func() bool { return s.distinct() >= count }, func() string {
		return fmt.Sprintf("%d of %d messages came", s.distinct(), count)
	})
}

func until(done func() bool, otherwise func() string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return fmt.Errorf("%s within %v", otherwise(), patience)
}

func message(topic, body string) *primitive.Message {
	return primitive.NewMessage(topic, []byte(body))
}

// Sends `count` messages named `prefix-0` and so on, one after another.
func sendAll(sender rocketmq.Producer, topic, prefix string, count int) error {
	for i := range count {
		result, err := sender.SendSync(context.Background(), message(topic, fmt.Sprintf("%s-%d", prefix, i)))
		if err != nil {
			return err
		}
		if result.Status != primitive.SendOK {
			return fmt.Errorf("status %d", result.Status)
		}
	}
	return nil
}

func sends() error {
	const topic, count = "GoSends", 50
	if err := createTopic(topic, 4); err != nil {
		return err
	}
	sender, err := newProducer("sends")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	if err := sendAll(sender, topic, "sync", count); err != nil {
		return err
	}
	var answers sync.WaitGroup
	var failed error
	for i := range count {
		answers.Add(1)
		err := sender.SendAsync(context.Background(), func(_ context.Context, result *primitive.SendResult, err error) {
			if err != nil {
				failed = err
			} else if result.Status != primitive.SendOK || result.MsgID == "" || result.OffsetMsgID == "" {
				failed = fmt.Errorf("an asynchronous send was answered %s", result)
			}
			answers.Done()
		}, message(topic, fmt.Sprintf("async-%d", i)))
		if err != nil {
			return err
		}
	}
	answers.Wait()
	if failed != nil {
		return failed
	}
	var batch []*primitive.Message
	for i := range count {
		if err := sender.SendOneWay(context.Background(), message(topic, fmt.Sprintf("oneway-%d", i))); err != nil {
			return err
		}
		batch = append(batch, message(topic, fmt.Sprintf("batch-%d", i)))
	}
	result, err := sender.SendSync(context.Background(), batch...)
	if err != nil {
		return err
	}
	if result.Status != primitive.SendOK {
		return fmt.Errorf("the batch was answered %s", result)
	}
	large := strings.Repeat("large and compressed, ", 20_000)
	if err := sendAll(sender, topic, large, 1); err != nil {
		return err
	}
	got := newSeen()
	receiver, err := newConsumer("sends", "c", topic, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		got.add(m)
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	return got.waitFor(4*count + 1)
}

func tags() error {
	const topic, count = "GoTags", 30
	if err := createTopic(topic, 2); err != nil {
		return err
	}
	sender, err := newProducer("tags")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	names := []string{"red", "green", "blue"}
	for i := range count {
		one := message(topic, fmt.Sprintf("%s-%d", names[i%3], i))
		one.WithTag(names[i%3])
		one.WithKeys([]string{fmt.Sprintf("key-%d", i)})
		one.WithProperty("region", "eu")
		if _, err := sender.SendSync(context.Background(), one); err != nil {
			return err
		}
	}
	got := newSeen()
	var wrong error
	receiver, err := newConsumer("tags", "c", topic, "red || blue", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if m.GetTags() == "green" || m.GetProperty("region") != "eu" || !strings.HasPrefix(m.GetKeys(), "key-") {
			wrong = fmt.Errorf("got %s", m)
		}
		got.add(m)
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	if err := got.waitFor(count * 2 / 3); err != nil {
		return err
	}
	return wrong
}

func order() error {
	const topic, keys, each = "GoOrder", 6, 20
	if err := createTopic(topic, 4); err != nil {
		return err
	}
	sender, err := newProducer("order", producer.WithQueueSelector(producer.NewHashQueueSelector()))
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	for i := range each {
		for key := range keys {
			one := message(topic, fmt.Sprintf("%d:%d", key, i))
			one.WithShardingKey(fmt.Sprint("key-", key))
			if _, err := sender.SendSync(context.Background(), one); err != nil {
				return err
			}
		}
	}
	var mutex sync.Mutex
	next := map[int]int{}
	total := 0
	var wrong error
	receiver, err := newConsumer("order", "c", topic, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		var key, i int
		fmt.Sscanf(string(m.Body), "%d:%d", &key, &i)
		mutex.Lock()
		defer mutex.Unlock()
		if i > next[key] {
			wrong = fmt.Errorf("key %d: %d came before %d", key, i, next[key])
		}
		if i == next[key] {
			next[key]++
			total++
		}
		return consumer.ConsumeSuccess
	}, consumer.WithConsumerOrder(true))
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	err = until(func() bool { mutex.Lock(); defer mutex.Unlock(); return total == keys*each }, func() string {
		return fmt.Sprintf("%d of %d came in order", total, keys*each)
	})
	if err != nil {
		return err
	}
	return wrong
}

func retry() error {
	const topic, count = "GoRetry", 10
	if err := createTopic(topic, 2); err != nil {
		return err
	}
	sender, err := newProducer("retry")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	if err := sendAll(sender, topic, "m", count); err != nil {
		return err
	}
	got := newSeen()
	var mutex sync.Mutex
	attempts := []int{}
	receiver, err := newConsumer("retry", "c", topic, "*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if string(m.Body) == "m-3" {
			mutex.Lock()
			defer mutex.Unlock()
			attempts = append(attempts, int(m.ReconsumeTimes))
			if len(attempts) < 3 {
				if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
					concurrently.DelayLevelWhenNextConsume = 1
				}
				return consumer.ConsumeRetryLater
			}
		}
		got.add(m)
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	if err := got.waitFor(count); err != nil {
		return err
	}
	if fmt.Sprint(attempts) != "[0 1 2]" {
		return fmt.Errorf("attempts were counted %v", attempts)
	}
	return nil
}

func deadLetters() error {
	const topic = "GoDead"
	if err := createTopic(topic, 1); err != nil {
		return err
	}
	sender, err := newProducer("dead")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	if err := sendAll(sender, topic, "m", 1); err != nil {
		return err
	}
	receiver, err := newConsumer("dead", "c", topic, "*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if concurrently, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			concurrently.DelayLevelWhenNextConsume = 1
		}
		return consumer.ConsumeRetryLater
	}, consumer.WithMaxReconsumeTimes(1))
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	dead := "%DLQ%go-dead"
	tool, err := admin.NewAdmin(admin.WithResolver(nameServers))
	if err != nil {
		return err
	}
	defer tool.Close()
	err = until(func() bool {
		list, err := tool.FetchAllTopicList(context.Background())
		return err == nil && contains(list.TopicList, dead)
	}, func() string { return "no dead-letter topic was created" })
	if err != nil {
		return err
	}
	// Dead letters are for administrators: nobody may read them until the topic is made readable.
	if err := createTopic(dead, 1); err != nil {
		return err
	}
	got := newSeen()
	reader, err := newConsumer("dead-reader", "d", dead, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		got.add(m)
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer reader.Shutdown()
	return got.waitFor(1)
}

func contains(list []string, wanted string) bool {
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}

func rebalance() error {
	const topic, queues, count = "GoRebalance", 8, 80
	if err := createTopic(topic, queues); err != nil {
		return err
	}
	sender, err := newProducer("rebalance")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	var mutex sync.Mutex
	got := newSeen()
	owners := map[int]string{}
	member := func(name string) (rocketmq.PushConsumer, error) {
		return newConsumer("rebalance", name, topic, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
			mutex.Lock()
			owners[m.Queue.QueueId] = name
			mutex.Unlock()
			got.add(m)
			return consumer.ConsumeSuccess
		})
	}
	first, err := member("one")
	if err != nil {
		return err
	}
	defer first.Shutdown()
	second, err := member("two")
	if err != nil {
		return err
	}
	shares := func() string {
		mutex.Lock()
		defer mutex.Unlock()
		by := map[string]int{}
		for _, owner := range owners {
			by[owner]++
		}
		return fmt.Sprint(by)
	}
	round := 0
	sendUntil := func(wanted string) error {
		return until(func() bool {
			mutex.Lock()
			clear(owners)
			mutex.Unlock()
			round++
			if sendAll(sender, topic, fmt.Sprint("round-", round), count) != nil || got.waitFor(round*count) != nil {
				return false
			}
			return shares() == wanted
		}, func() string { return "shares " + shares() + " and not " + wanted })
	}
	if err := sendUntil("map[one:4 two:4]"); err != nil {
		return err
	}
	if err := second.Shutdown(); err != nil {
		return err
	}
	return sendUntil("map[one:8]")
}

func broadcasting() error {
	const topic, count = "GoBroadcast", 20
	if err := createTopic(topic, 2); err != nil {
		return err
	}
	sender, err := newProducer("broadcast")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	all := []*seen{newSeen(), newSeen()}
	for i, got := range all {
		receiver, err := newConsumer("broadcast", fmt.Sprint("c", i), topic, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
			got.add(m)
			return consumer.ConsumeSuccess
		}, consumer.WithConsumerModel(consumer.BroadCasting))
		if err != nil {
			return err
		}
		defer receiver.Shutdown()
	}
	if err := sendAll(sender, topic, "m", count); err != nil {
		return err
	}
	for _, got := range all {
		if err := got.waitFor(count); err != nil {
			return err
		}
	}
	return nil
}

func delay() error {
	const topic = "GoDelay"
	if err := createTopic(topic, 1); err != nil {
		return err
	}
	sender, err := newProducer("delay")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	one := message(topic, "later")
	one.WithDelayTimeLevel(2)
	sent := time.Now()
	if _, err := sender.SendSync(context.Background(), one); err != nil {
		return err
	}
	arrived := make(chan time.Time, 8)
	receiver, err := newConsumer("delay", "c", topic, "*", func(_ context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		arrived <- time.Now()
		return consumer.ConsumeSuccess
	})
	if err != nil {
		return err
	}
	defer receiver.Shutdown()
	select {
	case at := <-arrived:
		if took := at.Sub(sent); took < 5*time.Second {
			return fmt.Errorf("it came after %v", took)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("it did not come within %v", patience)
	}
}

func pull() error {
	const topic, count = "GoPull", 40
	if err := createTopic(topic, 2); err != nil {
		return err
	}
	sender, err := newProducer("pull")
	if err != nil {
		return err
	}
	defer sender.Shutdown()
	if err := sendAll(sender, topic, "m", count); err != nil {
		return err
	}
	reader, err := rocketmq.NewPullConsumer(consumer.WithNsResolver(nameServers), consumer.WithGroupName("go-pull"),
		consumer.WithInstance("pull"), consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	if err != nil {
		return err
	}
	if err := reader.Subscribe(topic, consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}); err != nil {
		return err
	}
	if err := reader.Start(); err != nil {
		return err
	}
	defer reader.Shutdown()
	bodies := map[string]bool{}
	for end := time.Now().Add(patience); len(bodies) < count && time.Now().Before(end); {
		result, err := reader.Poll(context.Background(), time.Second)
		if consumer.IsNoNewMsgError(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, one := range result.GetMsgList() {
			bodies[string(one.Body)] = true
		}
		reader.ACK(context.Background(), result, consumer.ConsumeSuccess)
	}
	if len(bodies) != count {
		return fmt.Errorf("%d of %d messages came", len(bodies), count)
	}
	return nil
}

func administer() error {
	tool, err := admin.NewAdmin(admin.WithResolver(nameServers))
	if err != nil {
		return err
	}
	defer tool.Close()
	if err := createTopic("GoAdmin", 3); err != nil {
		return err
	}
	listed := func() bool {
		list, err := tool.FetchAllTopicList(context.Background())
		if err != nil {
			return false
		}
		sort.Strings(list.TopicList)
		return contains(list.TopicList, "GoAdmin")
	}
	if err := until(listed, func() string { return "the topic is not listed" }); err != nil {
		return err
	}
	queues, err := tool.FetchPublishMessageQueues(context.Background(), "GoAdmin")
	if err != nil {
		return err
	}
	if len(queues) != 3 {
		return fmt.Errorf("%d queues and not 3", len(queues))
	}
	if err := tool.DeleteTopic(context.Background(), admin.WithTopicDelete("GoAdmin"),
		admin.WithBrokerAddrDelete(brokerAddr), admin.WithNameSrvAddr([]string{os.Args[1]})); err != nil {
		return err
	}
	return until(func() bool { return !listed() }, func() string { return "the topic is still listed" })
}
