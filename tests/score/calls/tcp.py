"""One TCP flow: `receive ADDRESS PORT` writes the time and the bytes until now five times a second, `send` sends."""
import socket, sys, time
way, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if way == "receive":
    server = socket.create_server((address, port))
    print("ready", flush=True)
    stream, _ = server.accept()
    total, told = 0, 0.0
    while data := stream.recv(65536):
        total += len(data)
        if time.time() - told >= 0.2:
            told = time.time()
            print(f"{told:.3f} {total}", flush=True)
else:
    stream = socket.create_connection((address, port))
    while True:
        stream.sendall(bytes(65536))
