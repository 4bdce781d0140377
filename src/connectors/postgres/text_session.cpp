// SPDX-License-Identifier: Apache-2.0
#include "wire/text_session.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/connector.h"

namespace sluice::postgres {
namespace {

constexpr int kStepMs = 200;

class TextConnection : public wire::TextSession {
 public:
  TextConnection(std::shared_ptr<const Login> login, Stop stop)
      : connection_(std::move(login), std::move(stop)) {}

  wire::TextRows query(const std::string& sql) override {
    const Rows found = connection_.query(sql);
    wire::TextRows rows(static_cast<std::size_t>(found.size()));
    for (int i = 0; i < found.size(); ++i) {
      for (int j = 0; j < found.width(); ++j) {
        rows[static_cast<std::size_t>(i)].push_back(
            found.null(i, j) ? std::nullopt : std::optional(found.string(i, j)));
      }
    }
    return rows;
  }

  void start(const std::string& sql) override {
    PGconn* handle = connection_.handle();
    if (PQsendQuery(handle, sql.c_str()) == 0) throw connection_.error(nullptr);
    // Else libpq would hold all rows before it gives the first.
    if (PQsetSingleRowMode(handle) == 0)
      throw Error(Fault::internal, "libpq does not give rows one by one");
  }

  Step step() override {
    while (true) {
      while (PQisBusy(connection_.handle()) == 1) {
        if (!readable()) return Step::waiting;
        if (PQconsumeInput(connection_.handle()) == 0) throw connection_.error(nullptr);
      }
      row_.reset(PQgetResult(connection_.handle()));
      if (!row_) return Step::end;
      const ExecStatusType status = PQresultStatus(row_.get());
      if (status == PGRES_SINGLE_TUPLE) return Step::row;
      if (status != PGRES_TUPLES_OK) throw connection_.error(row_.get());
    }
  }

  std::optional<std::string_view> value(std::size_t column) const override {
    const int at = static_cast<int>(column);
    if (PQgetisnull(row_.get(), 0, at) == 1) return std::nullopt;
    return std::string_view(PQgetvalue(row_.get(), 0, at),
                            static_cast<std::size_t>(PQgetlength(row_.get(), 0, at)));
  }

  void abandon() noexcept override {
    abandoned_ = true;
    connection_.cancel_statement();
    shutdown(PQsocket(connection_.handle()), SHUT_RDWR);
  }

  bool alive() override {
    if (abandoned_ || connection_.broken()) return false;
    if (PQtransactionStatus(connection_.handle()) == PQTRANS_ACTIVE) return true;
    // What a server says unasked before it hangs up has arrived here.
    return PQconsumeInput(connection_.handle()) == 1 && !connection_.broken();
  }

 private:
  bool readable() const {
    pollfd waiting{PQsocket(connection_.handle()), POLLIN, 0};
    const int ready = poll(&waiting, 1, kStepMs);
    if (ready < 0 && errno != EINTR)
      throw Error(Fault::internal, "cannot wait for the server: poll failed");
    return ready > 0;
  }

  Connection connection_;
  ResultHandle row_;
  bool abandoned_ = false;
};

}  // namespace

std::unique_ptr<wire::TextSession> text_session(const std::string& url,
                                                const SourceOptions& options) {
  auto login = std::make_shared<Login>(login_of(url, options.application_name, options.password));
  login->is_postgres = false;
  login->shown = login->shown.substr(0, login->shown.find('?'));
  return std::make_unique<TextConnection>(std::move(login), options.stop);
}

}  // namespace sluice::postgres
