// The defragment channel: pieces of messages (message/partial) wait in its queue until all of a message are there;
// then the message goes on in their place. What cannot be put together goes on as it is.
//
// The queue is all there is to know: what is in memory is read from it when the program starts. One program works on
// a channel at a time. Man page: defragment(8).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channels/defragment/assembled.h"
#include "channels/defragment/gathering.h"
#include "channels/master/master.h"
#include "common/base/file.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Defragment : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;
  Task<void> idle() override;

 private:
  Defragment(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  Result<> start();
  void take_up(const mta::queue::FileName& file);
  // Another file bears this number.
  Task<void> copy(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<void> wait_or_go(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<void> put_together(Work& work, const std::string& key, const Piece& piece, PieceSet& set);
  Task<mta::Verdict> send_whole(Work& work, const std::vector<mta::queue::FileName>& pieces,
                                std::string& queue_id);
  Task<void> done(Work& work, const std::string& key, PieceSet& set, const std::string& queue_id);
  // This piece as it is, and the others of its set soon after it.
  Task<void> give_up(Work& work, const std::string& key, PieceSet& set);
  // The job controller is to give us the other pieces now.
  Task<void> call(std::string host);
  // The files as they are called now, by number, but those that are gone or held.
  Result<std::map<unsigned, mta::queue::FileName>> find(const PieceSet& set) const;
  std::int64_t timeout_ms() const;
  // Forgets what was put together and has left the queue.
  Task<void> clean();

  MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
  Gathering gathering_;
  Assembled assembled_;
  Signal cleaned_;
  bool cleaning_ = false;
  UniqueFd lock_;
};

}  // namespace waxwing::channels
